--- The way of a purchase to a service over a link: many purchases a write, and none of them a request of HTTP's.
-- When no link is open, or a service knows none, the way is HTTP (conf.d/to-service.conf).
-- @module seckill.link

local body = require('seckill.filters.body')
local connection = require('seckill.link.connection')
local pool = require('seckill.link.pool')
local waiting = require('seckill.link.waiting')
local address = require('seckill.address')
local variable = require('seckill.variable')

local ngx = ngx
local var, header, print, exit, exec = ngx.var, ngx.header, ngx.print, ngx.exit, ngx.exec
local discard_body, get_body_data = ngx.req.discard_body, ngx.req.get_body_data
local named, read = variable.named, variable.text
local body_from_header = body.from_header
local ask, choose, count_open = pool.ask, pool.choose, pool.count
local enter, wait = waiting.enter, waiting.wait
local ipairs = ipairs

local ANSWER_SECONDS = 5 -- proxy_read_timeout is as long
local OK, BAD_GATEWAY, GATEWAY_TIMEOUT = 200, 502, 504
local JSON, PROBLEM = 'application/json', 'application/problem+json'
local BY_HTTP = '@by_http'

local SALE, TICKET, REQUEST_ID = named('seckill_sale'), named('http_seckill_ticket'), named('seckill_request_id')
local CONTENT_LENGTH = named('content_length')

local addresses = {}

local _M = {}

--- @tparam table services where the services are, as text
-- @phases init
function _M.init(services)
  addresses = {}
  for i, service in ipairs(services) do addresses[i] = address.parse(service) end
end

--- @phases init_worker
function _M.start()
  connection.start(addresses)
end

--- Which way a purchase goes now.
-- @treturn ?string PASSED over a link, BY_HTTP, or nil when each service that has a link has left too much unread
-- @phases set
function _M.way()
  if choose() then return 'PASSED' end
  return count_open() == 0 and 'BY_HTTP' or nil
end

-- Asks a service, and answers the request. Without a link the way is HTTP after all; the body must still be there then.
local function pass(link, bytes, length)
  local number = enter(link)
  ask(link, number, read(SALE), read(TICKET), read(REQUEST_ID), bytes, length)
  discard_body()
  local status, answer, is_late = wait(number, ANSWER_SECONDS)
  if not status then
    -- It was sent, and what became of it is not known: it is never sent again (I5).
    var.seckill_asked = address.name(link.address)
    return exit(is_late and GATEWAY_TIMEOUT or BAD_GATEWAY)
  end
  local text = answer.body
  ngx.status = status
  header['Content-Type'] = answer.is_problem and PROBLEM or JSON
  header['Content-Length'] = #text
  if answer.location then header['Location'] = answer.location end
  if answer.retry_after > 0 then header['Retry-After'] = answer.retry_after end
  print(text)
  return exit(OK)
end

--- Passes on a purchase that came as a whole.
-- @phases content
function _M.purchase()
  local link = choose()
  local bytes, length = body_from_header(read(CONTENT_LENGTH))
  if not link or not bytes then return exec(BY_HTTP) end
  return pass(link, bytes, length)
end

--- Passes on a purchase whose body was waited for.
-- @phases content
function _M.awaited()
  local link = choose()
  if not link then return exec(BY_HTTP) end
  local bytes = get_body_data() or ''
  return pass(link, bytes, #bytes)
end

return _M
