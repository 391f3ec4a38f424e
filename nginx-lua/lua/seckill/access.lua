--- The filters before the gateway is asked. One that lets a request pass just returns.
-- A fault in here is a 500, told as 503 UNAVAILABLE: it fails closed.
-- @module seckill.access

local known_sale = require('seckill.filters.known_sale').check
local maintenance = require('seckill.filters.maintenance').check
local rate = require('seckill.filters.rate')
local respond = require('seckill.respond')
local revision = require('seckill.revision')
local state = require('seckill.state')

local var, ngx_now = ngx.var, ngx.now
local address_rate, refuse, look = rate.address, respond.refuse, revision.look

local _M = {}

-- The revision was looked at before.
local function fair()
  local code, seconds = maintenance()
  if code then return refuse(code, seconds) end
  seconds = address_rate(var.binary_remote_addr)
  if seconds then return refuse('RATE_LIMITED', seconds) end
end

--- GET /api/sales/<saleId>/challenge and POST …/ticket: open before the sale is, and while a unit may still come back.
-- @phases access
function _M.ticket_office()
  local sale, code, seconds = known_sale(var.sale_id)
  if not sale then return refuse(code, seconds) end
  local current = state.current(sale, ngx_now() * 1000)
  if current == 'draft' then return refuse('NOT_OPEN', 5) end
  if current == 'closed' then return refuse('SALE_CLOSED') end
  return fair()
end

--- Every other route.
-- @phases access
function _M.gateway()
  look()
  return fair()
end

return _M
