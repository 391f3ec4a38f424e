#!lua flags=allow-oom
-- show: keeps the picture of stored orders that shoppers are shown, and says which pictures changed.
-- Keeps: nothing of the stock; a lower version never overwrites a higher one, nor a lower step of the order's payments
-- a higher one of the same version, so writers may come in any order.
-- KEYS[1] orders
-- ARGV[1...] channel, told `<orderId> <picture>` of each change; then of at most 1,000 orders each orderId, version,
-- step, picture
-- Returns one reply per order, in order:
-- Returns 1 SHOWN
-- Returns 0 STALE: one as new or newer is there; nothing was changed
-- Runs out of memory too (allow-oom): an order that changed must be seen to.
-- Cost: at most 3 commands per order.
local ordersKey = KEYS[1]
local arguments = ARGV

local channel, replies = arguments[1], {}
for index = 1, (#arguments - 1) / 4 do
  local first = index * 4 - 2
  local orderId, picture = arguments[first], arguments[first + 3]
  local version, step = tonumber(arguments[first + 1]), tonumber(arguments[first + 2])
  local there = redis.call('HGET', ordersKey, orderId)
  local shownVersion, shownStep = string.match(there or '', '^(%d+):%a:%d+:%d+:%u+:?(%d*)')
  shownVersion, shownStep = tonumber(shownVersion) or 0, tonumber(shownStep) or 0
  if there and (shownVersion > version or shownVersion == version and shownStep >= step) then replies[index] = 0
  else
    redis.call('HSET', ordersKey, orderId, picture)
    redis.call('PUBLISH', channel, orderId .. ' ' .. picture)
    replies[index] = 1
  end
end
return replies
