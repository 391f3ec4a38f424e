--- Filter 1: is there such a sale?
-- Fails closed. Without a snapshot from the agent nothing is known, and nothing passes: UNAVAILABLE, because then it is
-- our trouble and not the shopper's. A stranger's names are counted under no sale, so they cannot grow our metrics.
-- Counter: seckill_edge_requests_total{check="known_sale"}
-- @module seckill.filters.known_sale

local state = require('seckill.state')

local get_sale, is_ready = state.get, state.ready

local _M = {}

--- @tparam string id as it stood in the URL
-- @treturn ?table the sale
-- @treturn ?string the problem code, when there is none
-- @treturn ?number whole seconds after which to try again
-- @phases set, access
function _M.check(id)
  local sale = get_sale(id)
  if sale then return sale end
  if is_ready() then return nil, 'SALE_UNKNOWN' end
  return nil, 'UNAVAILABLE', 1
end

return _M
