#!lua flags=no-writes
-- read-books: the sale, its stock, every reservation and every buyer at one instant: the audit's cut.
-- Keeps: nothing, it writes nothing.
-- KEYS[1] sale
-- KEYS[2] stock
-- KEYS[3] buyers
-- KEYS[4] reservations
-- Returns {1, free, reservations, buyers, ...} FOUND: then the fields of read-sale.lua, in its order
-- Returns {-1} SALE_UNKNOWN
-- Cost: 4 commands, two of which grow with the orders: about a millisecond per thousand, and nothing else meanwhile.
local saleKey, stockKey, buyersKey, reservationsKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

local sale = redis.call('HMGET', saleKey, 'state', 'epoch', 'opensAt', 'closesAt', 'limit', 'total', 'returned',
  'committed', 'skipped', 'fault', 'withheld')
if not sale[1] then return { -1 } end
return { 1, redis.call('GET', stockKey), redis.call('HGETALL', reservationsKey), redis.call('HGETALL', buyersKey),
  unpack(sale) }
