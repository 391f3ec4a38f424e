#!lua
-- bare: what the systems that people copy do in one script: look, take, note, enqueue. It knows no window, no limit,
-- no replay, no place and no epoch; it is the ceiling that reserve is measured against.
-- KEYS[1] stock
-- KEYS[2] orders
-- KEYS[3] outbox
-- ARGV[1] orderId
-- ARGV[2] userId
-- ARGV[3] quantity: carried along only
-- Returns {1, free, 0}, or {-4, 0, 0} when sold out: as many fields as reserve, so the client does the same work
local stockKey, ordersKey, outboxKey = KEYS[1], KEYS[2], KEYS[3]
local orderId, userId, quantity = ARGV[1], ARGV[2], ARGV[3]

if tonumber(redis.call('GET', stockKey)) <= 0 then return { -4, 0, 0 } end
local free = redis.call('DECR', stockKey)
redis.call('HSET', ordersKey, orderId, userId)
redis.call('XADD', outboxKey, '*', 'o', orderId, 'u', userId, 'q', quantity)
return { 1, free, 0 }
