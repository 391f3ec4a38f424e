#!lua flags=allow-oom
-- commit: the database has these orders; their reservations are no longer merely held.
-- Keeps: I1, I4. Called only after the transaction that stored the rows has committed.
-- KEYS[1] sale
-- KEYS[2] reservations
-- ARGV[1...] orderIds, at most 1,000
-- Returns one reply per order, in order:
-- Returns 1 COMMITTED
-- Returns 0 ALREADY: it was committed before
-- Returns -1 UNKNOWN: no such reservation; nothing was changed
-- Returns -2 RELEASED: its units went back before; nothing was changed
-- Runs out of memory too (allow-oom): it adds nothing, and what was promised must go on.
-- Cost: 2 commands per order, and 1.
local saleKey, reservationsKey = KEYS[1], KEYS[2]
local orderIds = ARGV

local replies, committed = {}, 0
for index, orderId in ipairs(orderIds) do
  local record = redis.call('HGET', reservationsKey, orderId)
  local letter = record and string.sub(record, 1, 1)
  if not record then replies[index] = -1
  elseif letter == 'c' then replies[index] = 0
  elseif letter == 'r' then replies[index] = -2
  else
    redis.call('HSET', reservationsKey, orderId, 'c' .. string.sub(record, 2))
    committed = committed + tonumber(string.match(record, '^h:(%d+):'))
    replies[index] = 1
  end
end
if committed > 0 then redis.call('HINCRBY', saleKey, 'committed', committed) end
return replies
