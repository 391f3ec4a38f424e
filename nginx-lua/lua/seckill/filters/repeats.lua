--- Filter 8: may this repeat ask the service although the edge would refuse it?
-- A client that asks again says so (`Seckill-Attempt: 2` and up): the yes to its first press may have been lost, and a
-- refusal out of this edge's memory would be a no to somebody who has an order. So a repeat with a ticket of ours
-- passes a sale that is sold out, paused or closed, and a ticket that has expired. The service tells it of its order,
-- or says the same no. A repeat that a first press would be passed like is none of this filter's.
--
-- The budget is the edge's, over all workers: as many at once as may be in flight, because so many answers can be lost
-- in one moment, and 100 a second after that (limits.lua): a small part of what a service decides. Fails closed: above
-- the budget the refusal is the one that a first press gets.
-- Counter: seckill_edge_requests_total{check="repeats"}
-- @module seckill.filters.repeats

local take = require('seckill.gcra').take
local get_limits = require('seckill.limits').get

local budget = ngx.shared.seckill_users
local tonumber = tonumber

local KEY = '*repeats' -- no user of a ticket is spelled with an asterisk
local PASSES = { SOLD_OUT = true, PAUSED = true, SALE_CLOSED = true, TICKET_EXPIRED = true }

local _M = {}

--- Whether the request is a repeat that may pass this refusal.
-- @tparam string code the refusal
-- @tparam ?string attempt the header's value
-- @treturn boolean
-- @phases set
function _M.may_pass(code, attempt)
  if not attempt or not PASSES[code] then return false end
  local number = tonumber(attempt)
  return number ~= nil and number >= 2
end

--- Takes one of the budget.
-- @treturn ?number nil when it may pass, else whole seconds to wait
-- @phases set
function _M.check()
  return take(budget, KEY, get_limits().repeats)
end

return _M
