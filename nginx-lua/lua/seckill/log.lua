--- After what was passed on: tells of an answer that broke off. A purchase gives back its place besides, its answer is
-- counted, and a 410 learned from.
-- A purchase has this in its location, and where error_page leads when the service failed. ngx.ctx does not survive
-- that way, nginx variables do; `seckill_sale` is set exactly when a place was taken.
-- @module seckill.log

local answer_times = require('seckill.answer_times')
local faults = require('seckill.faults')
local in_flight = require('seckill.filters.in_flight')
local metrics = require('seckill.metrics')
local count_wrong = require('seckill.office.wrong_answers').count
local state = require('seckill.state')
local variable = require('seckill.variable')

local ngx = ngx
local var = ngx.var
local ended = faults.ended
local named, read = variable.named, variable.text
local match, tonumber, tostring = string.match, tonumber, tostring

local GONE, HEAD, NONE, WRONG = '410', 'HEAD', 'none', '422'
-- Each status that a service can answer, as text: no string is made for a purchase.
local ANSWERED = {}
for status = 200, 599 do ANSWERED[status] = tostring(status) end
ANSWERED[499] = nil -- nginx' own: the shopper left

local SALE, USER, EPOCH = named('seckill_sale'), named('seckill_user'), named('seckill_epoch')
local STATUS = named('upstream_status')
-- What nginx told the client is what the upstream told: a look at that header itself costs several times as much.
local TOLD, CAME = named('sent_http_content_length'), named('upstream_response_length')

-- Whether `purchase` did not come to its end: nginx says nothing of a fault in this phase.
local is_broken_off = false

local _M = {}

-- One status for each server that was asked; the last one is the answer. None when the shopper left before it.
local function last_status(text)
  if text and #text == 3 then return text end -- one server, the usual case: no pattern, which would not be compiled
  return match(text or '', '(%d+)$') or NONE
end

--- @phases log
function _M.passed_on()
  if var.request_method == HEAD then return end -- a length is told, and no body comes
  ended(var.upstream_http_content_length, var.upstream_response_length, var.upstream_addr, var.upstream_status)
end

--- The same of a request for a challenge or a ticket. An answer that only the gateway could judge (ticket_office.lua
-- sets `$seckill_challenge`) counts here when it was wrong, as if it had been judged here.
-- @phases log
function _M.office()
  local challenge = var.seckill_challenge
  if challenge and challenge ~= '' and last_status(var.upstream_status) == WRONG then
    count_wrong(var.seckill_user, challenge)
  end
  return _M.passed_on()
end

-- What each purchase that took a place leaves behind.
local function leave(id, status)
  in_flight.leave(read(USER))
  answer_times.observe()
  metrics.upstream(id, status)
  if status == GONE then state.learn_sold_out(id, tonumber(read(EPOCH))) end
end

--- A purchase whose answer came over a link, whole. One that got none ends in `purchase`, as error_page leads there.
-- @phases log
function _M.linked()
  local id = read(SALE)
  if not id or id == '' then return end
  if is_broken_off then faults.suspect('fault in Lua: log.linked did not end') end
  is_broken_off = true
  leave(id, ANSWERED[ngx.status] or NONE)
  is_broken_off = false
end

--- @phases log
function _M.purchase()
  local id = read(SALE)
  if not id or id == '' then return end
  if is_broken_off then faults.suspect('fault in Lua: log.purchase did not end') end
  is_broken_off = true
  local status = last_status(read(STATUS))
  leave(id, status)
  if read(TOLD) ~= read(CAME) then
    ended(var.upstream_http_content_length, var.upstream_response_length, var.upstream_addr, status)
  end
  is_broken_off = false
end

return _M
