#!lua flags=no-writes
-- read-sale: the sale's numbers at one instant.
-- Keeps: nothing, it writes nothing; a script because MULTI is refused when Redis is out of memory, even for reading.
-- KEYS[1] sale
-- KEYS[2] stock
-- Returns {1, free, state, epoch, opensAt, closesAt, limit, total, returned, committed, skipped, fault, withheld} FOUND
-- Returns {-1} SALE_UNKNOWN
-- Cost: 2 commands.
local saleKey, stockKey = KEYS[1], KEYS[2]

local sale = redis.call('HMGET', saleKey, 'state', 'epoch', 'opensAt', 'closesAt', 'limit', 'total', 'returned',
  'committed', 'skipped', 'fault', 'withheld')
if not sale[1] then return { -1 } end
return { 1, redis.call('GET', stockKey), unpack(sale) }
