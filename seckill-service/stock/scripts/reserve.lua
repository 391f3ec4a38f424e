#!lua
-- reserve: grants units of a sale to orders, to each all of it or nothing, in the order in which they are given.
-- Keeps: I1, I2, I4, I5. Atomic because window, limit, stock, record and outbox must agree after any crash.
-- KEYS[1] sale
-- KEYS[2] stock
-- KEYS[3] buyers
-- KEYS[4] reservations
-- KEYS[5] outbox
-- ARGV[1...] orders, at most 100, each as five arguments, of which the last order's last two may be left out:
--   orderId: the ticket's id, so a repeated call is the same purchase
--   userId
--   quantity, units, a positive integer
--   origin: the request that asked, for logs and traces; the outbox carries it on. Empty: unknown
--   notAfter: Redis' clock in ms from which on this order is too old to be carried out. Empty: never
-- Returns, for each order, these three in one flat list:
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
-- Returns {-9, 0, 0} LATE: it was on its way for too long; nothing was done and nothing will be
-- Cost: 2 commands a call, and for each order 4 when accepted (5 for the last unit), 1 when the state or the window
-- refuses, at most 6 otherwise.
-- The clock is Redis' own TIME: every service process, whatever its clock, sees one window.
local saleKey, stockKey, buyersKey, reservationsKey, outboxKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local args = ARGV
local call = redis.call
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local sale = call('HMGET', saleKey, 'state', 'opensAt', 'closesAt', 'limit', 'total', 'returned', 'epoch', 'skipped')
-- Every number is read before the first write: a script that fails half way leaves what it has written.
local state, opensAt, closesAt, limit = sale[1], tonumber(sale[2]), tonumber(sale[3]), tonumber(sale[4])
local epoch, everFree = tonumber(sale[7]), 0
if state then everFree = tonumber(sale[5]) + tonumber(sale[6]) + tonumber(sale[8] or 0) end

-- A yes that was given stays a yes: the record answers before any refusal does.
local function refuse(code, value, atEpoch, orderId)
  local record = call('HGET', reservationsKey, orderId)
  if record then return 2, tonumber(string.match(record, '^%a:%d+:(%d+):')) or 0, 0 end
  return code, value, atEpoch
end
local function putBack(userId, quantity, held)
  if held == quantity then call('HDEL', buyersKey, userId) else call('HINCRBY', buyersKey, userId, -quantity) end
end

local function reserve(orderId, userId, quantity, origin, notAfter)
  if not state then return -1, 0, 0 end
  if state ~= 'open' or now < opensAt or now >= closesAt then
    if state == 'closed' or now >= closesAt then return refuse(-5, 0, 0, orderId) end
    if state == 'draft' then return refuse(-2, 0, 0, orderId) end
    if state == 'paused' then return refuse(-3, 0, 0, orderId) end
    if now < opensAt then return refuse(-2, opensAt - now, 0, orderId) end
    return refuse(-4, 0, epoch, orderId)
  end
  -- Who asked has given up: it must not take a unit after its order was refused over another connection.
  if notAfter and now >= notAfter then return refuse(-9, 0, 0, orderId) end
  if not quantity or quantity < 1 or quantity % 1 ~= 0 then return refuse(-8, 0, 0, orderId) end
  if quantity > limit then return refuse(-6, limit, 0, orderId) end
  -- Take first, look after: one command both changes and tells. What does not hold is put back before anyone sees it.
  local held = call('HINCRBY', buyersKey, userId, quantity)
  if held > limit then
    putBack(userId, quantity, held)
    return refuse(-6, limit, 0, orderId)
  end
  local free = call('DECRBY', stockKey, quantity)
  -- Units granted so far, whatever came back in between, this order's too. `skipped`: those that a rebuild passed over.
  local place = everFree - free
  -- Joined, not formatted: %s would end the user's id at a NUL byte.
  local record = string.format('h:%d:%d:%.0f:', quantity, place, now) .. userId
  if free < 0 or call('HSETNX', reservationsKey, orderId, record) == 0 then
    call('INCRBY', stockKey, quantity)
    putBack(userId, quantity, held)
    return refuse(-7, free + quantity, 0, orderId)
  end
  call('XADD', outboxKey, '*', 'o', orderId, 'u', userId, 'q', quantity, 'p', place, 'r', origin)
  if free > 0 then return 1, place, 0 end
  state, epoch = 'sold_out', epoch + 1
  call('HSET', saleKey, 'state', state, 'epoch', epoch)
  return 1, place, epoch
end

-- An error below the first write would cost a unit: a caller that leaves the origin out gets its purchase all the same.
local replies = {}
for at = 1, #args, 5 do
  local to = (at - 1) / 5 * 3
  replies[to + 1], replies[to + 2], replies[to + 3] =
    reserve(args[at], args[at + 1], tonumber(args[at + 2]), args[at + 3] or '', tonumber(args[at + 4]))
end
return replies
