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
-- Returns {3, place, 0} ENDED: this order was granted before, and its units went back or were withheld since
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
local args, call, format = ARGV, redis.call, string.format
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local sale = call('HMGET', saleKey, 'state', 'opensAt', 'closesAt', 'limit', 'total', 'returned', 'epoch', 'skipped')
-- Every number is read before the first write: a script that fails half way leaves what it has written.
-- `everFree`: what came back counts again, and so does what a rebuild passed over (`skipped`): no place comes twice.
local state, opensAt, closesAt, limit = sale[1], tonumber(sale[2]), tonumber(sale[3]), tonumber(sale[4])
local epoch, everFree = tonumber(sale[7]) or 0, 0
if state then everFree = tonumber(sale[5]) + tonumber(sale[6]) + tonumber(sale[8] or 0) end
-- Numbers go to commands as text: Redis would print each as a double with 17 digits, which costs as much as a command.
local since, HIGHEST_EPOCH = format(':%d:', now), 1000000000000 -- contract/epoch.ts

-- What state and window say to every order of this call; nil: it is on sale.
local shut, shutValue, shutEpoch = nil, 0, 0
if not state then shut = -1
elseif state == 'closed' or now >= closesAt then shut = -5
elseif state == 'draft' then shut = -2
elseif state == 'paused' then shut = -3
elseif now < opensAt then shut, shutValue = -2, opensAt - now
elseif state ~= 'open' then shut, shutEpoch = -4, epoch
end

local replies = { 0, 0, 0 }
-- Take first, look after: one command both changes and tells. What does not hold is put back before anyone sees it. An
-- error in between would cost a unit: who leaves the origin out gets the purchase all the same. Who has given up asking
-- (LATE) must not take a unit after its order was refused over another connection.
-- One long body: each call would have to make a function anew, with a box for every name that it uses.
for at = 1, #args, 5 do
  local orderId, userId, quantity, origin = args[at], args[at + 1], tonumber(args[at + 2]), args[at + 3] or ''
  local code, value, atEpoch = shut, shutValue, shutEpoch
  if not code and now >= (tonumber(args[at + 4] or '') or closesAt) then code = -9 end
  if not code and (not quantity or quantity < 1 or quantity % 1 ~= 0) then code = -8 end
  if not code and quantity > limit then code, value = -6, limit end
  if not code then
    local units = quantity == 1 and '1' or format('%d', quantity)
    local held = call('HINCRBY', buyersKey, userId, units)
    if held > limit then
      code, value = -6, limit
    else
      local free = call('DECRBY', stockKey, units)
      -- Units granted so far, this order's too. The record is joined: %s would end the user's id at a NUL byte.
      local place = everFree - free
      local placeText = format('%d', place)
      local record = 'h:' .. units .. ':' .. placeText .. since .. userId
      if free < 0 or call('HSETNX', reservationsKey, orderId, record) == 0 then
        call('INCRBY', stockKey, units)
        code, value = -7, free + quantity
      else
        call('XADD', outboxKey, '*', 'o', orderId, 'u', userId, 'q', units, 'p', placeText, 'r', origin)
        code, value = 1, place
        if free == 0 then
          if epoch < HIGHEST_EPOCH then epoch = epoch + 1 end
          shut, shutEpoch, atEpoch = -4, epoch, epoch
          call('HSET', saleKey, 'state', 'sold_out', 'epoch', epoch)
        end
      end
    end
    if code < 0 and held > quantity then call('HINCRBY', buyersKey, userId, -quantity) end
    if code < 0 and held == quantity then call('HDEL', buyersKey, userId) end
  end
  -- A yes that was given stays a yes, until its order ends: the record answers before any refusal does.
  local record = code < -1 and call('HGET', reservationsKey, orderId)
  if record then code, value, atEpoch = 2, tonumber(string.match(record, '^%a:%d+:(%d+):')) or 0, 0 end
  if record and string.sub(record, 1, 1) == 'r' then code = 3 end
  local to = (at - 1) / 5 * 3
  replies[to + 1], replies[to + 2], replies[to + 3] = code, value, atEpoch
end
return replies
