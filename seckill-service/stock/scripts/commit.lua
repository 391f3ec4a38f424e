#!lua flags=allow-oom
-- commit: the database has these orders; their reservations are no longer merely held, and shoppers see their
-- pictures.
-- Keeps: I1, I4. Called only after the transaction that stored the rows has committed. At one instant, so that a
-- committed order always has its picture. A picture that is older than the one there changes nothing, as in show.lua.
-- KEYS[1] sale
-- KEYS[2] reservations
-- KEYS[3] orders
-- ARGV[1...] channel, told `<picture> <orderId> <orderId> …` of each picture and the orders that it is new to; number
-- of pictures; of each: picture, version, step, number of its orders; then the orderIds, picture by picture, at most
-- 1,000. An empty picture is not shown.
-- Returns one reply per order, in order:
-- Returns 1 COMMITTED
-- Returns 0 ALREADY: it was committed before
-- Returns -1 UNKNOWN: no such reservation; nothing was changed
-- Returns -2 RELEASED: its units went back before; nothing was changed
-- Runs out of memory too (allow-oom): what was promised must go on, and an order that changed must be seen to.
-- Cost: 5 commands per picture, and 1.
local saleKey, reservationsKey, ordersKey = KEYS[1], KEYS[2], KEYS[3]
local arguments = ARGV

local channel, pictures = arguments[1], tonumber(arguments[2])
local replies, committed = {}, 0
local last = 2 + 4 * pictures
for nth = 1, pictures do
  local at = 4 * nth - 1
  local picture, version, step = arguments[at], tonumber(arguments[at + 1]), tonumber(arguments[at + 2])
  local before = last
  last = last + tonumber(arguments[at + 3])

  local shown, fields = { picture }, {}
  local pictured = picture ~= '' and redis.call('HMGET', ordersKey, unpack(arguments, before + 1, last)) or {}
  for offset, there in ipairs(pictured) do
    local shownVersion, shownStep = string.match(there or '', '^(%d+):%a:%d+:%d+:%u+:?(%d*)')
    shownVersion, shownStep = tonumber(shownVersion) or 0, tonumber(shownStep) or 0
    if not there or shownVersion < version or shownVersion == version and shownStep < step then
      local orderId = arguments[before + offset]
      shown[#shown + 1] = orderId
      fields[#fields + 1], fields[#fields + 2] = orderId, picture
    end
  end
  if #fields > 0 then
    redis.call('HSET', ordersKey, unpack(fields))
    redis.call('PUBLISH', channel, table.concat(shown, ' '))
  end

  local stored, seen = {}, {}
  for offset, record in ipairs(redis.call('HMGET', reservationsKey, unpack(arguments, before + 1, last))) do
    local index, orderId = #replies + 1, arguments[before + offset]
    local letter = record and string.sub(record, 1, 1)
    if not record then replies[index] = -1
    elseif letter == 'c' or seen[orderId] then replies[index] = 0
    elseif letter == 'r' then replies[index] = -2
    else
      seen[orderId] = true
      stored[#stored + 1], stored[#stored + 2] = orderId, 'c' .. string.sub(record, 2)
      committed = committed + tonumber(string.match(record, '^h:(%d+):'))
      replies[index] = 1
    end
  end
  if #stored > 0 then redis.call('HSET', reservationsKey, unpack(stored)) end
end
if committed > 0 then redis.call('HINCRBY', saleKey, 'committed', committed) end
return replies
