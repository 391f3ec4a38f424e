--- The filters before an upstream is asked: cheapest check first, no network call.
-- A filter that lets a request pass just returns. A fault in here is a 500, told as 503 UNAVAILABLE: it fails closed.
-- @module seckill.access

local in_flight = require('seckill.in_flight')
local metrics = require('seckill.metrics')
local rate_limit = require('seckill.rate_limit')
local respond = require('seckill.respond')
local state = require('seckill.state')
local ticket = require('seckill.ticket')

local var = ngx.var
local ngx_now = ngx.now
local refuse, count = respond.refuse, metrics.request
local get_sale, current_state, check_ticket = state.get, state.current, ticket.check
local ceil, max, min, random = math.ceil, math.max, math.min, math.random
local lower, match = string.lower, string.match

local UNKNOWN = '' -- one label for all unknown sales: a stranger must not grow our metrics
local JSON = 'application/json'
local CODE_OF_STATE = {
  draft = 'NOT_OPEN',
  upcoming = 'NOT_OPEN',
  paused = 'PAUSED',
  sold_out = 'SOLD_OUT',
  closed = 'SALE_CLOSED',
}
local RETRY_AFTER = { draft = 5, paused = 2, sold_out = 5 }

local _M = {}

local function retry_after(sale, current, now_ms)
  if current ~= 'upcoming' then return RETRY_AFTER[current] end
  return max(1, min(3600, ceil((sale.opensAtMs - now_ms) / 1000)))
end

local function is_json(content_type)
  if content_type == JSON then return true end
  return content_type ~= nil and match(lower(content_type), '^[^;%s]*') == JSON
end

local function shed(sale_id, code, seconds)
  count(sale_id, code)
  return refuse(code, seconds)
end

local function unknown_code()
  -- Before the first snapshot every sale is unknown: that is our trouble, not the shopper's.
  if state.ready() then return 'SALE_UNKNOWN' end
  return 'UNAVAILABLE', 1
end

--- POST /api/sales/<saleId>/orders
-- @phases access
function _M.purchase()
  local id = var.sale_id
  local sale = get_sale(id)
  if not sale then return shed(UNKNOWN, unknown_code()) end

  local now_ms = ngx_now() * 1000
  local current = current_state(sale, now_ms)
  if current ~= 'open' then return shed(id, CODE_OF_STATE[current], retry_after(sale, current, now_ms)) end

  if not is_json(var.http_content_type) then return shed(id, 'UNSUPPORTED_MEDIA_TYPE') end

  local text = var.http_seckill_ticket
  if not text or text == '' then return shed(id, 'TICKET_MISSING') end
  local user, problem = check_ticket(text, id, now_ms)
  if not user then return shed(id, problem) end

  local seconds = rate_limit.user(user) or rate_limit.address(var.binary_remote_addr)
  if seconds then return shed(id, 'RATE_LIMITED', seconds) end

  if not in_flight.enter() then return shed(id, 'BUSY', random(1, 2)) end
  var.seckill_sale = id
  var.seckill_epoch = sale.epoch
  count(id, 'passed')
end

--- GET /api/sales/<saleId>/challenge and POST …/ticket: open before the sale is, and while a unit may still come back.
-- @phases access
function _M.ticket_office()
  local sale = get_sale(var.sale_id)
  if not sale then return refuse(unknown_code()) end
  local current = current_state(sale, ngx_now() * 1000)
  if current == 'draft' or current == 'closed' then return refuse(CODE_OF_STATE[current], RETRY_AFTER[current]) end
  return _M.gateway()
end

--- Every other route of the gateway.
-- @phases access
function _M.gateway()
  local seconds = rate_limit.address(var.binary_remote_addr)
  if seconds then return refuse('RATE_LIMITED', seconds) end
end

return _M
