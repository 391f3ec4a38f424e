--- Filter 8: may this repeat ask the service although the edge would refuse it?
-- A client that asks again says so (`Seckill-Attempt: 2` and up): the yes to its first press may have been lost, and a
-- refusal out of this edge's memory would be a no to a user who has an order. So a repeat with a genuine ticket
-- passes a sale that is sold out, paused or closed, and a ticket that has expired. The service tells it of its order,
-- or says the same no. This filter is not asked about a repeat that passes as a first press does.
--
-- The budget is the edge's, over all workers: as many at once as may be in flight, because that many answers can be
-- lost in one moment, and 100 a second after that (limits.lua): a small part of what a service decides. A user's own
-- limit stands before it, 3 at once and 1 a second, so that a few accounts cannot hold the budget empty. Fails closed:
-- above one of the two the answer says "later", never the final no, which could be false.
-- Counter: seckill_edge_requests_total{check="repeats"}
-- @module seckill.filters.repeats

local gcra = require('seckill.gcra')
local get_limits = require('seckill.limits').get

local take = gcra.take
local budget = ngx.shared.seckill_users
local random, tonumber = math.random, tonumber

-- No user of a ticket is spelled with an asterisk; a user's own key has two.
local KEY, OF_USER = '*repeats', '**'
local USER_RATE = gcra.rate(1, 3)
local PASSES = { SOLD_OUT = true, PAUSED = true, SALE_CLOSED = true, TICKET_EXPIRED = true }

local _M = {}

--- Whether the request is a repeat that may pass this refusal.
-- @tparam string code the refusal
-- @tparam ?string attempt the header's value; empty when there is none
-- @treturn boolean
-- @phases set
function _M.may_pass(code, attempt)
  if not attempt or attempt == '' or not PASSES[code] then return false end
  local number = tonumber(attempt)
  return number ~= nil and number >= 2
end

--- Takes one of the user's own limit and one of the budget.
-- @tparam string user as the ticket spells it
-- @treturn ?string the problem code, nil when it may pass
-- @treturn ?number whole seconds to wait; for the budget drawn by lot so that the refused do not come back together
-- @phases set
function _M.check(user)
  local seconds = take(budget, OF_USER .. user, USER_RATE)
  if seconds then return 'RATE_LIMITED', seconds end
  seconds = take(budget, KEY, get_limits().repeats)
  if seconds then return 'BUSY', seconds - 1 + random(1, 3) end
  return nil
end

return _M
