--- The ticket office: GET /api/sales/<saleId>/challenge and POST …/ticket, answered out of this edge's memory.
-- The gateway (gateway/tickets/) is the reference: what is answered here is its answer to the byte, and what cannot be
-- decided here for certain is passed on to it.
--
-- It runs in the rewrite phase (`set_by_lua`), where ngx_lua needs no coroutine for a request, and returns the body,
-- which nginx itself sends (conf.d/ticket-office.conf). Without a body `$seckill_verdict` says what to do: GATEWAY,
-- AWAITED (the request's body is not in yet: `await`) or REFUSED. A fault in here is a 500, told as 503 UNAVAILABLE: it
-- fails closed.
-- @module seckill.ticket_office

local body = require('seckill.filters.body')
local known_sale = require('seckill.filters.known_sale').check
local maintenance = require('seckill.filters.maintenance').check
local address_rate = require('seckill.filters.rate').address
local spelling = require('seckill.filters.spelling')
local secrets = require('seckill.office.secrets')
local session = require('seckill.office.session')
local refuse_with = require('seckill.respond').refuse
local state = require('seckill.state')

local ngx = ngx
local var, exit, ngx_now = ngx.var, ngx.exit, ngx.now
local check_letters, check_spelling = spelling.check_letters, spelling.check
local is_body_in, wait_for_body = body.is_in, body.check
local current_state, get_secrets, user_of = state.current, secrets.get, session.user

local NONE = '' -- nginx' idea of false
local GET = 'GET'
local MAX_HEADER = 7000 -- as in access.lua
local BODY_SECONDS = 3
local BAD_REQUEST = 400 -- nginx answers as error_page says, and ends the connection

local _M = {}

local function pass_on()
  var.seckill_verdict = 'GATEWAY'
  return NONE
end

local function refuse(code, seconds, detail)
  var.seckill_verdict = 'REFUSED'
  var.seckill_problem = code
  if seconds then var.seckill_retry_after = seconds end
  if detail then var.seckill_detail = detail end
  return NONE
end

-- The sale, and now in Unix ms; or nil, a problem code and maybe seconds.
local function enter()
  local sale, code, seconds = known_sale(var.sale_id)
  if not sale then return nil, code, seconds end
  local now_ms = ngx_now() * 1000
  local current = current_state(sale, now_ms)
  if current == 'draft' then return nil, 'NOT_OPEN', 5 end
  if current == 'closed' then return nil, 'SALE_CLOSED' end
  code, seconds = maintenance()
  if code then return nil, code, seconds end
  local path = var.uri
  code = check_letters(path) or check_spelling(var.request_uri, path)
  if code then return nil, code end
  local authorization = var.http_authorization
  if authorization and #authorization > MAX_HEADER then return nil, 'BAD_REQUEST' end
  seconds = address_rate(var.binary_remote_addr)
  if seconds then return nil, 'RATE_LIMITED', seconds end
  return sale, now_ms
end

--- GET …/challenge: open before the sale is, and while a unit may still come back.
-- @treturn string the body of a 200; empty when `$seckill_verdict` says what to do
-- @phases set
function _M.challenge()
  local sale, code, seconds = enter()
  if not sale then return refuse(code, seconds) end
  if var.request_method ~= GET or not get_secrets() then return pass_on() end
  local user, detail = user_of(var.http_authorization, code)
  if detail then return refuse('UNAUTHENTICATED', nil, detail) end
  if not user then return pass_on() end
  return pass_on()
end

--- POST …/ticket.
-- @treturn string the body of a 201; empty when `$seckill_verdict` says what to do
-- @phases set
function _M.ticket()
  local sale, code, seconds = enter()
  if not sale then return refuse(code, seconds) end
  if not is_body_in(var.content_length) then
    var.seckill_verdict = 'AWAITED'
    return NONE
  end
  return pass_on()
end

--- What is AWAITED is judged here once its body is in. What is not answered here goes on to the gateway.
-- @phases access
function _M.await()
  if wait_for_body(BODY_SECONDS) then return exit(BAD_REQUEST) end
end

--- Says what the verdict REFUSED stands for.
-- @phases content
function _M.tell_refusal()
  local code, detail, seconds = var.seckill_problem, var.seckill_detail, var.seckill_retry_after
  return refuse_with(code, seconds ~= NONE and seconds or nil, detail ~= NONE and detail or nil)
end

return _M
