--- Filter 10: are not too many purchases with the service at this moment, and not too many of them this user's?
-- Fails closed: above the cap it says BUSY, and RATE_LIMITED to a user who has as many as his burst. A place is looked
-- for before the body comes in, which costs a refusal nothing, and again, to be taken, once the whole body is there: a
-- body that dribbles holds none.
-- The counts are the worker's own, its cap a worker's share of the whole: no lock, and a worker that dies takes its
-- counts with it, where a shared counter would stay too high for ever. So a worker with more than its share of
-- connections says BUSY before the whole cap is reached, and during a reload old and new workers each have theirs.
-- Counter: seckill_edge_requests_total{check="in_flight"}; gauge: seckill_edge_in_flight
-- @module seckill.filters.in_flight

local get_limits = require('seckill.limits').get

local random = math.random

local count = 0
local held = {} -- places by user, of those who have one

local _M = {}

--- @tparam string user as the ticket spells it
-- @treturn ?string the problem code, nil when there is a place
-- @treturn ?number seconds to wait, drawn by lot so that the refused do not come back together
-- @phases set, access
function _M.check(user)
  local limits = get_limits()
  if (held[user] or 0) >= limits.in_flight_user then return 'RATE_LIMITED', 1 end
  if count >= limits.in_flight then return 'BUSY', random(1, 2) end
  return nil
end

--- Takes a place, right after `check` found one. It is given back by `leave`, once.
-- @tparam string user as the ticket spells it
-- @phases set, access
function _M.enter(user)
  held[user] = (held[user] or 0) + 1
  count = count + 1
end

--- @tparam string user who took the place
-- @phases log
function _M.leave(user)
  local of_user = held[user]
  held[user] = of_user > 1 and of_user - 1 or nil
  count = count - 1
end

--- @phases any
function _M.count()
  return count
end

return _M
