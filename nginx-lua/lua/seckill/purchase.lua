--- The filter chain before a purchase reaches the service: cheapest check first, no network call, one look into shared
-- memory before a sold-out sale is refused. A check returns nothing when it lets the request pass, else a problem code
-- and maybe the seconds to wait; nothing here makes a table or a closure.
--
-- It runs in the rewrite phase (`set_by_lua`), where ngx_lua needs no coroutine for a request, and returns a word;
-- nginx itself answers, from constant text (conf.d/purchase.conf, refusals.conf). A fault in here is a 500, told as
-- 503 UNAVAILABLE: the chain fails closed. What each check does when it cannot know stands at its top.
-- @module seckill.purchase

local body = require('seckill.filters.body')
local content_type = require('seckill.filters.content_type').check
local in_flight = require('seckill.filters.in_flight')
local known_sale = require('seckill.filters.known_sale').check
local maintenance = require('seckill.filters.maintenance').check
local rate = require('seckill.filters.rate')
local repeats = require('seckill.filters.repeats')
local sale_state = require('seckill.filters.sale_state').check
local spelling = require('seckill.filters.spelling').check
local ticket = require('seckill.filters.ticket').check
local link = require('seckill.link')
local metrics = require('seckill.metrics')
local respond = require('seckill.respond').refuse
local variable = require('seckill.variable')

local ngx = ngx
local var, ngx_now, exit = ngx.var, ngx.now, ngx.exit
local look_for_place, take_place = in_flight.check, in_flight.enter
local way_to_service = link.way
local is_body_in, wait_for_body = body.is_in, body.check
local user_rate, address_rate = rate.user, rate.address
local named, read = variable.named, variable.text
local may_pass, repeat_budget = repeats.may_pass, repeats.check
local count_refused, count_passed, count_repeated = metrics.refused, metrics.passed, metrics.repeated
local random = math.random

local UNKNOWN = '' -- one label for all unknown sales
local BODY_SECONDS = 2
local BAD_REQUEST = 400 -- nginx answers as error_page says, and ends the connection

local SALE_ID, CONTENT_TYPE, CONTENT_LENGTH = named('sale_id'), named('http_content_type'), named('content_length')
local TICKET, ATTEMPT = named('http_seckill_ticket'), named('seckill_attempt')
local ADDRESS = named('binary_remote_addr')
local REQUEST_URI, URI = named('request_uri'), named('uri')

local _M = {}

local function refuse(check, sale_id, code, seconds)
  count_refused(check, sale_id, code)
  if seconds then var.seckill_retry_after = seconds end
  return code
end

--- Judges POST /api/sales/<saleId>/orders.
-- @treturn string PASSED or BY_HTTP, the way to the service (link.lua), with `$seckill_user` and `$seckill_epoch` set
-- and a place in flight taken, and nginx sets `$seckill_sale`; AWAITED, or REPEAT_AWAITED, when only its body is
-- missing (`await`); or a problem code
-- @phases set
function _M.judge()
  local id = read(SALE_ID)
  local sale, code, seconds = known_sale(id)
  if not sale then return refuse('known_sale', UNKNOWN, code, seconds) end

  code, seconds = maintenance()
  if code then return refuse('maintenance', id, code, seconds) end

  local now_ms = ngx_now() * 1000
  -- What a first press is refused with; nil when it would pass.
  local shut
  shut, seconds = sale_state(sale, now_ms)
  if shut and not may_pass(shut, read(ATTEMPT)) then return refuse('sale_state', id, shut, seconds) end

  code = content_type(read(CONTENT_TYPE))
  if code then return refuse('content_type', id, code) end

  local user, holder
  user, code, holder = ticket(read(TICKET), id, now_ms)
  if not user then
    if not may_pass(code, read(ATTEMPT)) then return refuse('ticket', id, code) end
    user, shut = holder, code
  end

  seconds = user_rate(user)
  if seconds then return refuse('user_rate', id, 'RATE_LIMITED', seconds) end
  seconds = address_rate(read(ADDRESS))
  if seconds then return refuse('address_rate', id, 'RATE_LIMITED', seconds) end

  if shut then
    code, seconds = repeat_budget(user)
    if code then return refuse('repeats', id, code, seconds) end
  end

  code = spelling(read(REQUEST_URI), read(URI))
  if code then return refuse('spelling', id, code) end

  code, seconds = look_for_place(user)
  if code then return refuse('in_flight', id, code, seconds) end

  var.seckill_user = user
  var.seckill_epoch = sale.epoch
  if not is_body_in(read(CONTENT_LENGTH)) then return shut and 'REPEAT_AWAITED' or 'AWAITED' end
  local way = way_to_service()
  if not way then return refuse('in_flight', id, 'BUSY', random(1, 2)) end
  take_place(user)
  if shut then count_repeated(id) else count_passed(id) end
  return way
end

--- What is AWAITED passes here once its body is in, or ends.
-- @phases access
function _M.await()
  local id, user = var.sale_id, var.seckill_user
  local late = wait_for_body(BODY_SECONDS)
  if late then
    refuse('body', id, late)
    return exit(BAD_REQUEST)
  end
  local code, seconds = look_for_place(user)
  if code then return respond(refuse('in_flight', id, code), seconds) end
  take_place(user)
  var.seckill_sale = id
  if var.seckill_verdict == 'AWAITED' then count_passed(id) else count_repeated(id) end
end

return _M
