#!lua
-- restore: gives an order that exists elsewhere (database, queue) its reservation back, while the sale stands still.
-- Keeps: I1 (never more units than total), I3, I5 (the order keeps its place, and no later order gets one before it).
-- KEYS[1] sale
-- KEYS[2] stock
-- KEYS[3] buyers
-- KEYS[4] reservations
-- ARGV[1] orderId
-- ARGV[2] letter: h (held) when only the queue has it, c (committed) when the database has it
-- ARGV[3] units
-- ARGV[4] place, as the shopper was told
-- ARGV[5] acceptedAt, Unix ms
-- ARGV[6] userId
-- Returns {1, free} RESTORED
-- Returns {0, free} ALREADY: it has a reservation; nothing was changed
-- Returns {-1, 0} NOT_STANDING: the sale is on sale, closed or unknown; nothing was changed
-- Returns {-2, free} NO_UNITS: fewer units are free than the order has, or no whole number; nothing was changed
-- Cost: at most 8 commands.
local saleKey, stockKey, buyersKey, reservationsKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local orderId, letter, units, place = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local acceptedAt, userId = tonumber(ARGV[5]), ARGV[6]

local sale = redis.call('HMGET', saleKey, 'state', 'total', 'returned', 'skipped')
if sale[1] ~= 'paused' and sale[1] ~= 'draft' then return { -1, 0 } end
local free = tonumber(redis.call('GET', stockKey))
local everFree = tonumber(sale[2]) + tonumber(sale[3]) + tonumber(sale[4] or 0)
if redis.call('HEXISTS', reservationsKey, orderId) == 1 then return { 0, free } end
if free < units or units < 1 or units % 1 ~= 0 then return { -2, free } end

local record = string.format('%s:%d:%d:%.0f:', letter, units, place, acceptedAt) .. userId
redis.call('HSET', reservationsKey, orderId, record)
redis.call('HINCRBY', buyersKey, userId, units)
free = redis.call('DECRBY', stockKey, units)
if letter == 'c' then redis.call('HINCRBY', saleKey, 'committed', units) end
-- The next place must lie above every place that was told: pass over those whose orders nobody knows any more.
local granted = everFree - free
if place > granted then redis.call('HINCRBY', saleKey, 'skipped', place - granted) end
return { 1, free }
