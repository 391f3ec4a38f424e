#!lua flags=allow-oom
-- release: an order's units go back on sale, once; a sold-out sale opens again.
-- Keeps: I1, I6, I7.
-- KEYS[1] sale
-- KEYS[2] stock
-- KEYS[3] buyers
-- KEYS[4] reservations
-- ARGV[1] orderId
-- Returns {1, epoch} RELEASED: epoch is the new one when the sale was sold out, else 0
-- Returns {0, 0} ALREADY: its units went back before
-- Returns {-1, 0} UNKNOWN: no such reservation; nothing was changed
-- Runs out of memory too (allow-oom): it frees more than it takes.
-- Cost: at most 7 commands.
local saleKey, stockKey, buyersKey, reservationsKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local orderId = ARGV[1]

local record = redis.call('HGET', reservationsKey, orderId)
if not record then return { -1, 0 } end
local letter, quantity, userId = string.match(record, '^(%a):(%d+):%d+:%d+:(.+)$')
if letter == 'r' then return { 0, 0 } end

redis.call('HSET', reservationsKey, orderId, 'r' .. string.sub(record, 2))
if redis.call('HINCRBY', buyersKey, userId, -quantity) <= 0 then redis.call('HDEL', buyersKey, userId) end
redis.call('INCRBY', stockKey, quantity)
redis.call('HINCRBY', saleKey, 'returned', quantity)
local sale = redis.call('HMGET', saleKey, 'state', 'epoch')
if sale[1] ~= 'sold_out' then return { 1, 0 } end
local epoch = tonumber(sale[2]) + 1
redis.call('HSET', saleKey, 'state', 'open', 'epoch', epoch)
return { 1, epoch }
