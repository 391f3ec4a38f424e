#!lua flags=allow-oom
-- show: keeps the picture of stored orders that shoppers are shown, and says which pictures changed.
-- Keeps: nothing of the stock; a lower version never overwrites a higher one, so writers may come in any order.
-- KEYS[1] orders
-- ARGV[1...] channel, told `<orderId> <picture>` of each change; then orderId, version, picture of at most 1,000 orders
-- Returns one reply per order, in order:
-- Returns 1 SHOWN
-- Returns 0 STALE: one as new or newer is there; nothing was changed
-- Runs out of memory too (allow-oom): an order that changed must be seen to.
-- Cost: at most 3 commands per order.
local ordersKey = KEYS[1]
local arguments = ARGV

local channel, replies = arguments[1], {}
for index = 1, (#arguments - 1) / 3 do
  local first = index * 3 - 1
  local orderId, version, picture = arguments[first], arguments[first + 1], arguments[first + 2]
  local there = redis.call('HGET', ordersKey, orderId)
  if there and tonumber(string.match(there, '^%d+')) >= tonumber(version) then replies[index] = 0
  else
    redis.call('HSET', ordersKey, orderId, picture)
    redis.call('PUBLISH', channel, orderId .. ' ' .. picture)
    replies[index] = 1
  end
end
return replies
