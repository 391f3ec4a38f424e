--- Filter 7: are not too many purchases with the service at this moment?
-- Fails closed: above the cap it says BUSY. The count is the worker's own, its cap a worker's share of the whole: no
-- lock, and a worker that dies takes its count with it, where a shared counter would stay too high for ever. So a
-- worker with more than its share of connections says BUSY before the whole cap is reached, and during a reload old and
-- new workers each have theirs.
-- Counter: seckill_edge_requests_total{check="in_flight"}; gauge: seckill_edge_in_flight
-- @module seckill.filters.in_flight

local get_limits = require('seckill.limits').get

local random = math.random

local count = 0

local _M = {}

--- Takes a place. Whoever got one gives it back by `leave`, once.
-- @treturn ?string the problem code, nil when it took one
-- @treturn ?number seconds to wait, drawn by lot so that the refused do not come back together
-- @phases set, access
function _M.enter()
  if count >= get_limits().in_flight then return 'BUSY', random(1, 2) end
  count = count + 1
  return nil
end

--- @phases log
function _M.leave()
  count = count - 1
end

--- @phases any
function _M.count()
  return count
end

return _M
