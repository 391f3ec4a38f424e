#!lua
-- reserve: grants units of a sale to one order, all of it or nothing.
-- Keeps: I1, I2, I4, I5. Atomic because window, limit, stock, record and outbox must agree after any crash.
-- KEYS[1] sale
-- KEYS[2] stock
-- KEYS[3] buyers
-- KEYS[4] reservations
-- KEYS[5] outbox
-- ARGV[1] orderId: the ticket's id, so a repeated call is the same purchase
-- ARGV[2] userId
-- ARGV[3] quantity, units, a positive integer
-- Returns {1, place, epoch} ACCEPTED: epoch is the new one when this was the last unit, else 0
-- Returns {2, place, 0} REPLAY: this order was granted before; place is what it was then
-- Returns {-1, 0, 0} SALE_UNKNOWN
-- Returns {-2, waitMs, 0} NOT_OPEN: draft (waitMs 0) or before the window
-- Returns {-3, 0, 0} PAUSED
-- Returns {-4, 0, epoch} SOLD_OUT
-- Returns {-5, 0, 0} CLOSED: by ops or by the clock
-- Returns {-6, limit, 0} LIMIT_REACHED
-- Returns {-7, free, 0} NOT_ENOUGH: fewer units are free than asked for, but some are
-- Returns {-8, 0, 0} QUANTITY_INVALID: not a whole number of at least 1
-- Cost: 6 commands when accepted (7 for the last unit), 3 when the state or the window refuses, at most 8 otherwise.
-- The clock is Redis' own TIME: every service process, whatever its clock, sees one window.
local saleKey, stockKey, buyersKey, reservationsKey, outboxKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local orderId, userId, quantity = ARGV[1], ARGV[2], tonumber(ARGV[3])

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local sale = redis.call('HMGET', saleKey, 'state', 'opensAt', 'closesAt', 'limit', 'total', 'returned', 'epoch',
  'skipped')
-- Every number is read before the first write: a script that fails half way leaves what it has written.
local state, opensAt, closesAt, limit = sale[1], tonumber(sale[2]), tonumber(sale[3]), tonumber(sale[4])
local epoch, everFree = tonumber(sale[7]), 0
if state then everFree = tonumber(sale[5]) + tonumber(sale[6]) + tonumber(sale[8] or 0) end

-- A yes that was given stays a yes: the record answers before any refusal does.
local function refuse(code, value, atEpoch)
  local record = redis.call('HGET', reservationsKey, orderId)
  if record then return { 2, tonumber(string.match(record, '^%a:%d+:(%d+):')), 0 } end
  return { code, value, atEpoch }
end

if not state then return { -1, 0, 0 } end
if state ~= 'open' or now < opensAt or now >= closesAt then
  if state == 'closed' or now >= closesAt then return refuse(-5, 0, 0) end
  if state == 'draft' then return refuse(-2, 0, 0) end
  if state == 'paused' then return refuse(-3, 0, 0) end
  if now < opensAt then return refuse(-2, opensAt - now, 0) end
  return refuse(-4, 0, epoch)
end
if not quantity or quantity < 1 or quantity % 1 ~= 0 then return refuse(-8, 0, 0) end
if quantity > limit then return refuse(-6, limit, 0) end

-- Take first, look after: one command both changes and tells. What does not hold is put back before anyone can see it.
local held = redis.call('HINCRBY', buyersKey, userId, quantity)
local function putBack()
  if held == quantity then redis.call('HDEL', buyersKey, userId)
  else redis.call('HINCRBY', buyersKey, userId, -quantity) end
end
if held > limit then
  putBack()
  return refuse(-6, limit, 0)
end
local free = redis.call('DECRBY', stockKey, quantity)
if free < 0 then
  redis.call('INCRBY', stockKey, quantity)
  putBack()
  return refuse(-7, free + quantity, 0)
end
-- Units granted so far, this order's included: grows with every grant, whatever came back in between. `skipped` are
-- places that a rebuild passed over.
local place = everFree - free
-- Joined, not formatted: %s would end the user's id at a NUL byte.
local record = string.format('h:%d:%d:%.0f:', quantity, place, now) .. userId
if redis.call('HSETNX', reservationsKey, orderId, record) == 0 then
  redis.call('INCRBY', stockKey, quantity)
  putBack()
  return refuse(-1, 0, 0)
end
redis.call('XADD', outboxKey, '*', 'o', orderId, 'u', userId, 'q', quantity, 'p', place)
if free > 0 then return { 1, place, 0 } end
redis.call('HSET', saleKey, 'state', 'sold_out', 'epoch', epoch + 1)
return { 1, place, epoch + 1 }
