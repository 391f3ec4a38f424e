--- Filter 3: is the sale open, by its state, by the clock, and by what this edge has learned itself?
-- Fails closed: a state that it does not know is no open sale. While the agent is silent the last state holds: the
-- service decides again about all that passes.
-- Counter: seckill_edge_requests_total{check="sale_state"}
-- @module seckill.filters.sale_state

local state = require('seckill.state')

local current_state = state.current
local ceil, max, min = math.ceil, math.max, math.min

local CODE_OF_STATE = {
  paused = 'PAUSED',
  sold_out = 'SOLD_OUT',
  closed = 'SALE_CLOSED',
}
local DRAFT_WAIT, LONGEST_WAIT = 5, 3600

local _M = {}

--- @tparam table sale
-- @tparam number now_ms
-- @treturn ?string the problem code, nil when it is open
-- @treturn ?number seconds until the opening; for the other codes refusals.conf has its own
-- @phases set
function _M.check(sale, now_ms)
  local current = current_state(sale, now_ms)
  if current == 'open' then return nil end
  if current == 'draft' then return 'NOT_OPEN', DRAFT_WAIT end
  if current == 'upcoming' then
    return 'NOT_OPEN', max(1, min(LONGEST_WAIT, ceil((sale.opensAtMs - now_ms) / 1000)))
  end
  return CODE_OF_STATE[current] or 'UNAVAILABLE'
end

return _M
