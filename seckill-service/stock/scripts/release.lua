#!lua flags=allow-oom
-- release: an order's units go back on sale, once, and a sold-out sale opens again; or they are withheld from it.
-- A withheld unit belongs to nobody and is not free: total = free + withheld + what reservations hold.
-- Keeps: I1, I6, I7.
-- KEYS[1] sale
-- KEYS[2] stock
-- KEYS[3] buyers
-- KEYS[4] reservations
-- ARGV[1] orderId
-- ARGV[2] saleId
-- ARGV[3] channel: where a new epoch is told at once (contract/sale-news.ts)
-- ARGV[4] where: 'shelf' puts the units back on sale, 'withheld' keeps them off it
-- Returns {1, epoch} RELEASED: epoch is the new one when the sale was sold out, else 0
-- Returns {2, 0} WITHHELD
-- Returns {0, 0} ALREADY: its units went back, or were withheld, before
-- Returns {-1, 0} UNKNOWN: no such reservation; nothing was changed
-- Runs out of memory too (allow-oom): it frees more than it takes.
-- Cost: at most 9 commands.
local saleKey, stockKey, buyersKey, reservationsKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local orderId, saleId, channel, where = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local record = redis.call('HGET', reservationsKey, orderId)
if not record then return { -1, 0 } end
local letter, quantity, userId = string.match(record, '^(%a):(%d+):%d+:%d+:(.+)$')
if letter == 'r' then return { 0, 0 } end

redis.call('HSET', reservationsKey, orderId, 'r' .. string.sub(record, 2))
if redis.call('HINCRBY', buyersKey, userId, -quantity) <= 0 then redis.call('HDEL', buyersKey, userId) end
-- It ended before anyone said that it was stored: it waits in no queue any more, so it counts as if someone had.
if letter == 'h' then redis.call('HINCRBY', saleKey, 'committed', quantity) end
if where == 'withheld' then
  redis.call('HINCRBY', saleKey, 'withheld', quantity)
  return { 2, 0 }
end
redis.call('INCRBY', stockKey, quantity)
redis.call('HINCRBY', saleKey, 'returned', quantity)
local sale = redis.call('HMGET', saleKey, 'state', 'epoch')
if sale[1] ~= 'sold_out' then return { 1, 0 } end
local epoch = tonumber(sale[2]) or 0
local HIGHEST_EPOCH = 1000000000000 -- contract/epoch.ts
if epoch < HIGHEST_EPOCH then epoch = epoch + 1 end
redis.call('HSET', saleKey, 'state', 'open', 'epoch', epoch)
-- In here, because whoever returns units does not write to ZooKeeper, and may die right after. pcall: the units are
-- back, whether anyone may be told or not.
redis.pcall('PUBLISH', channel, saleId .. ' ' .. epoch .. ' open')
return { 1, epoch }
