--- Filter 2: have ops put the edges into maintenance (`seckill edge maintenance on`)?
-- It stands before every route that does work: purchases, tickets, orders, payments, sign-in. Pages and the sales' own
-- state stay, so that a shopper sees what is going on.
-- Fails open: an edge that was never told is not in maintenance.
-- Counter: seckill_edge_requests_total{check="maintenance"}
-- @module seckill.filters.maintenance

local seconds_left = require('seckill.settings').maintenance

local _M = {}

--- The caller has called `revision.look` in its request.
-- @treturn ?string the problem code
-- @treturn ?number whole seconds after which to try again
-- @phases set, access
function _M.check()
  local seconds = seconds_left()
  if seconds then return 'UNAVAILABLE', seconds end
end

return _M
