--- The ticket office: GET /api/sales/<saleId>/challenge and POST …/ticket, answered out of this edge's memory.
-- The gateway (gateway/tickets/) is the reference: what is answered here is its answer to the byte, and what cannot be
-- decided here for certain is passed on to it.
--
-- It runs in the rewrite phase (`set_by_lua`), where ngx_lua needs no coroutine for a request, and makes the body,
-- which nginx itself sends (conf.d/ticket-office.conf). Where it is not ANSWERED, `$seckill_verdict` says what to do:
-- GATEWAY, AWAITED (the request's body is not in yet), or the status of a refusal, whose body is there too. A fault in
-- here is a 500, told as 503 UNAVAILABLE: it fails closed.
-- @module seckill.ticket_office

local challenge = require('seckill.office.challenge')
local set_body = require('seckill.answer_body').set
local body = require('seckill.filters.body')
local known_sale = require('seckill.filters.known_sale').check
local maintenance = require('seckill.filters.maintenance').check
local count = require('seckill.metrics').office
local address_rate = require('seckill.filters.rate').address
local spelling = require('seckill.filters.spelling')
local request = require('seckill.office.request')
local secrets = require('seckill.office.secrets')
local session = require('seckill.office.session')
local answer_ticket = require('seckill.office.ticket').answer
local respond = require('seckill.respond')
local state = require('seckill.state')

local ngx = ngx
local var, header, exit, ngx_now, get_method = ngx.var, ngx.header, ngx.exit, ngx.now, ngx.req.get_method
local check_spelling = spelling.check
local body_with_header, awaited_body, is_json = request.body, request.awaited_body, request.is_json
local effective_state, get_secrets, user_of = state.effective, secrets.get, session.user
local too_early, create = challenge.too_early, challenge.create
local PROBLEMS, PROBLEM_TYPE, problem_body = respond.problems, respond.PROBLEM_TYPE, respond.body_of
local refuse_with, created = respond.refuse, respond.created
local is_body_in, wait_for_body = body.is_in, body.check
local floor, text_of = math.floor, require('ffi').string

local CHALLENGE, TICKET = 'challenge', 'ticket' -- the routes, as they are counted
local UNKNOWN = '' -- one label for all unknown sales
local ANSWERED, NONE = 'ANSWERED', '' -- nginx' idea of true and false
local GET = 'GET'
local PATH_START = '/api/sales/'
local MAX_HEADER = 7000 -- as in access.lua
local BODY_SECONDS = 3
local BAD_REQUEST = 400 -- nginx answers as error_page says, and ends the connection

local _M = {}

local function now_in_ms()
  return floor(ngx_now() * 1000 + 0.5)
end

local function passed_on()
  var.seckill_verdict = 'GATEWAY'
  return NONE
end

local function refused(code, seconds, detail)
  header['Content-Type'] = PROBLEM_TYPE
  var.seckill_verdict, var.seckill_body = PROBLEMS[code].status, problem_body(code, detail)
  if seconds then var.seckill_retry_after = seconds end
  return NONE
end

-- Of a request for a challenge, which may have a body too: nginx would wait for it as long as each byte comes in time.
local function pass_on(id, why)
  count(CHALLENGE, id, why)
  if is_body_in(var.content_length) then return passed_on() end
  var.seckill_verdict = 'AWAITED'
  return NONE
end

local function refuse(route, id, code, seconds, detail)
  count(route, id, code)
  return refused(code, seconds, detail)
end

-- What a request of either route has to pass: a problem code and maybe seconds, or nothing.
local function check(route, sale, authorization, now_ms)
  -- What this edge learned of the stock is not looked at: there are tickets while a sale is sold out.
  local current = effective_state(sale.state, sale.opensAtMs, sale.closesAtMs, now_ms)
  if current == 'draft' then return 'NOT_OPEN', 5 end
  if current == 'closed' then return 'SALE_CLOSED' end
  local code, seconds = maintenance()
  if code then return code, seconds end
  -- The usual spelling costs no second variable. Either has no letters but those of ids: the sale is a known one.
  local raw = var.request_uri
  if raw ~= PATH_START .. sale.id .. '/' .. route then
    code = check_spelling(raw, var.uri)
    if code then return code end
  end
  if authorization and #authorization > MAX_HEADER then return 'BAD_REQUEST' end
  seconds = address_rate(var.binary_remote_addr)
  if seconds then return 'RATE_LIMITED', seconds end
  return nil
end

-- The sale, now in whole Unix ms, and the header that names the bearer; nil when the request is refused.
local function enter(route, id)
  local sale, code, seconds = known_sale(id)
  if not sale then
    refuse(route, UNKNOWN, code, seconds)
    return nil
  end
  local now_ms, authorization = now_in_ms(), var.http_authorization
  code, seconds = check(route, sale, authorization, now_ms)
  if code then
    refuse(route, id, code, seconds)
    return nil
  end
  return sale, now_ms, authorization
end

--- GET …/challenge: open before the sale is, from its lead on, and while a unit may still come back.
-- @treturn string ANSWERED, with the body of a 200 in `$seckill_body`; empty when `$seckill_verdict` says what to do
-- @phases set
function _M.challenge()
  local id = var.sale_id
  local sale, now_ms, authorization = enter(CHALLENGE, id)
  if not sale then return NONE end
  if get_method() ~= GET or var.seckill_is_conditional ~= NONE then return pass_on(id, 'passed_method') end
  if not get_secrets() then return pass_on(id, 'passed_no_keys') end
  if not sale.office then return pass_on(id, 'passed_sale') end
  local seconds, words = too_early(sale, now_ms)
  if seconds then return refuse(CHALLENGE, id, 'NOT_OPEN', seconds, words) end
  local user, detail = user_of(authorization, now_ms)
  if detail then return refuse(CHALLENGE, id, 'UNAUTHENTICATED', nil, detail) end
  if not user then return pass_on(id, 'passed_sign_in') end
  local answer, length = create(sale, user, now_ms)
  if not answer then return pass_on(id, length) end
  count(CHALLENGE, id, 'answered')
  set_body(answer, length)
  return ANSWERED
end

-- What `ticket.answer` tells, of a request whose bearer and type are judged first, as in the gateway. It is counted.
local function judge(sale, now_ms, authorization, bytes, length)
  local user, detail, answer, code, rest
  if not get_secrets() then
    detail = 'passed_no_keys'
  else
    user, detail = user_of(authorization, now_ms)
    if detail then
      code = 'UNAUTHENTICATED'
    elseif not user then
      detail = 'passed_sign_in'
    elseif not is_json() then
      code = 'UNSUPPORTED_MEDIA_TYPE'
    else
      answer, code, detail, rest = answer_ticket(sale, user, bytes, length, now_ms)
    end
  end
  count(TICKET, sale.id, answer and 'answered' or code or detail)
  -- A wrong answer of those that the gateway judges counts too: log.lua.
  if not answer and not code and rest then
    var.seckill_user, var.seckill_challenge = user, rest
  end
  return answer, code, detail, rest
end

--- POST …/ticket.
-- @treturn string ANSWERED, with the body of a 201 in `$seckill_body`; empty when `$seckill_verdict` says what to do
-- @phases set
function _M.ticket()
  local sale, now_ms, authorization = enter(TICKET, var.sale_id)
  if not sale then return NONE end
  local bytes, length = body_with_header()
  if not bytes then
    var.seckill_verdict = 'AWAITED'
    return NONE
  end
  local answer, code, detail, rest = judge(sale, now_ms, authorization, bytes, length)
  if answer then
    set_body(answer, rest)
    return ANSWERED
  end
  if code then return refused(code, rest, detail) end
  return passed_on()
end

--- Waits for the body of what goes on to the gateway.
-- @phases access
function _M.await_body()
  if wait_for_body(BODY_SECONDS) then return exit(BAD_REQUEST) end
end

--- What is AWAITED is judged here once its body is in. What is not answered here goes on to the gateway.
-- @phases access
function _M.await_ticket()
  if wait_for_body(BODY_SECONDS) then return exit(BAD_REQUEST) end
  local sale = known_sale(var.sale_id)
  if not sale then return end -- it is gone since: the gateway says so
  local bytes, length = awaited_body()
  local answer, code, detail, rest = judge(sale, now_in_ms(), var.http_authorization, bytes, length)
  if answer then return created(text_of(answer, rest)) end
  if code then return refuse_with(code, rest, detail) end
end

return _M
