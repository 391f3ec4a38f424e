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
-- Cost: 2 commands a call and 1 for the units of its orders (2 when some are left over); then for each order 3 when
-- accepted (5 for the last unit), 1 when the state or the window refuses, at most 5 otherwise.
-- The clock is Redis' own TIME: every service process, whatever its clock, sees one window.
local saleKey, stockKey, buyersKey, reservationsKey, outboxKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local args, call, format = ARGV, redis.call, string.format
local time = call('TIME')
-- Instants are compared as digits, the longer is the later: a number read out of a text costs a third of a command.
local now = time[1] .. string.sub('00000' .. time[2], -6, -4)
-- Each field more costs half a command: limit and epoch are read where they decide.
local sale = call('HMGET', saleKey, 'state', 'opensAt', 'closesAt', 'total', 'returned', 'skipped')
-- These are numbers before the first write: a script that fails half way leaves what it has written.
-- `everFree`: what came back counts again, and so does what a rebuild passed over (`skipped`): no place comes twice.
local state, opensAt, closesAt, limit = sale[1], sale[2], sale[3], nil
local everFree, HIGHEST_EPOCH = state and sale[4] + sale[5] + (sale[6] or 0), 1000000000000 -- contract/epoch.ts

-- What state and window say to every order of this call; nil: it is on sale.
local shut, shutValue, shutEpoch = nil, 0, 0
if not state then shut = -1
elseif state == 'closed' or #now > #closesAt or #now == #closesAt and now >= closesAt then shut = -5
elseif state == 'draft' then shut = -2
elseif state == 'paused' then shut = -3
elseif #now < #opensAt or #now == #opensAt and now < opensAt then shut, shutValue = -2, opensAt - now
elseif state ~= 'open' then shut, shutEpoch = -4, tonumber(call('HGET', saleKey, 'epoch')) or 0
end

-- `inHand`: units off the shelf that no order has. The first order that wants one takes one for each that follows, too.
-- `place`: units granted so far, this order's too. `left`: units that are free after it.
local replies, free, inHand, since = { 0, 0, 0 }, 0, 0, ':' .. now .. ':'
-- Take first, look after: one command both changes and tells. What does not hold is put back before anyone sees it. An
-- error in between would cost the units of the call: who leaves the origin out gets the purchase all the same. Who has
-- given up asking (LATE) must not take a unit after its order was refused over another connection.
-- One long body: each call would have to make a function anew, with a box for every name that it uses. Numbers go to
-- commands as text: Redis would print each as a double with 17 digits, which costs half as much as a command. The
-- record is joined: %s would end the user's id at a NUL byte. So is the entry: five fields cost half an XADD more
-- (contract/outbox.ts). A yes that was given stays a yes, until its order ends: the record answers before any refusal.
for at = 1, #args, 5 do
  local orderId, userId, units, origin, late = args[at], args[at + 1], args[at + 2], args[at + 3] or '', args[at + 4]
  local code, value, atEpoch, quantity = shut, shutValue, shutEpoch, units == '1' and 1 or tonumber(units)
  if not code and late and late ~= '' and (#now > #late or #now == #late and now >= late) then code = -9 end
  if not code and (not quantity or quantity < 1 or quantity % 1 ~= 0) then code = -8 end
  if not code and quantity > 1 then units = format('%d', quantity) end
  if not code and quantity > 1 then limit = limit or tonumber(call('HGET', saleKey, 'limit')) end
  if not code and quantity > 1 and quantity > limit then code, value = -6, limit end
  if not code then
    local held = call('HINCRBY', buyersKey, userId, units)
    if held > 1 then limit = limit or tonumber(call('HGET', saleKey, 'limit')) or 1 end
    if held > 1 and held > limit then
      code, value = -6, limit
    else
      if inHand < quantity then
        local more = quantity - inHand + math.floor((#args - at) / 5)
        free, inHand = call('DECRBY', stockKey, more == 1 and '1' or format('%d', more)), inHand + more
      end
      local left = free + inHand - quantity
      local place, text = everFree - left, format('%d', everFree - left)
      if left < 0 or call('HSETNX', reservationsKey, orderId, 'h:' .. units .. ':' .. text .. since .. userId) == 0 then
        code, value = -7, left + quantity
      else
        call('XADD', outboxKey, '*', orderId, units .. ':' .. text .. ':' .. origin .. ':' .. userId)
        code, value, inHand = 1, place, inHand - quantity
        if left == 0 then
          local epoch = tonumber(call('HGET', saleKey, 'epoch')) or 0
          if epoch < HIGHEST_EPOCH then epoch = epoch + 1 end
          shut, shutEpoch, atEpoch = -4, epoch, epoch
          call('HSET', saleKey, 'state', 'sold_out', 'epoch', epoch)
        end
      end
    end
    if code < 0 and held > quantity then call('HINCRBY', buyersKey, userId, -quantity) end
    if code < 0 and held == quantity then call('HDEL', buyersKey, userId) end
  end
  local to, record = (at - 1) / 5 * 3, code < -1 and call('HGET', reservationsKey, orderId)
  if record then code, value, atEpoch = 2, tonumber(string.match(record, '^%a:%d+:(%d+):')) or 0, 0 end
  if record and string.sub(record, 1, 1) == 'r' then code = 3 end
  replies[to + 1], replies[to + 2], replies[to + 3] = code, value, atEpoch
end
if inHand > 0 then call('INCRBY', stockKey, format('%d', inHand)) end
return replies
