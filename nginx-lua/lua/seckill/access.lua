--- The filters before the gateway is asked. One that lets a request pass just returns.
-- A fault in here is a 500, told as 503 UNAVAILABLE: it fails closed.
-- @module seckill.access

local body = require('seckill.filters.body')
local maintenance = require('seckill.filters.maintenance').check
local rate = require('seckill.filters.rate')
local respond = require('seckill.respond')
local revision = require('seckill.revision')
local spelling = require('seckill.filters.spelling')

local req, var, exit = ngx.req, ngx.var, ngx.exit
local find = string.find
local ipairs, pairs, type = ipairs, pairs, type
local check_letters, check_spelling = spelling.check_letters, spelling.check
local address_rate, server_rate, refuse, look = rate.address, rate.server, respond.refuse, revision.look
local is_body_in, wait_for_body = body.is_in, body.check

local BODY_SECONDS = 3 -- for 4 KB of a shopper's, or 64 KB of a payment provider's
local BAD_REQUEST = 400 -- nginx answers as error_page says, and ends the connection

-- Node takes 16 KB of a head in all, and answers more without a problem body.
local MAX_HEADER, MAX_HEADERS = 7000, 14000
-- It does the same to these in a value, which nginx lets pass (RFC 9110, 5.5).
local CONTROLS = '[%z\1-\8\10-\31\127]'

local _M = {}

-- The revision was looked at before.
local function fair(rate_of)
  local code, seconds = maintenance()
  if code then return refuse(code, seconds) end
  local path = var.uri
  code = check_letters(path) or check_spelling(var.request_uri, path)
  if code then return refuse(code) end
  local authorization = var.http_authorization
  if authorization and #authorization > MAX_HEADER then return refuse('BAD_REQUEST') end
  seconds = rate_of(var.binary_remote_addr)
  if seconds then return refuse('RATE_LIMITED', seconds) end
  if not is_body_in(var.content_length) and wait_for_body(BODY_SECONDS) then return exit(BAD_REQUEST) end
end

-- Whether Node would take all headers as they are: there are not too many, nor are they too long, nor is one no text.
local function are_headers_fit()
  local headers, problem = req.get_headers()
  if problem then return false end
  local bytes = 0
  for name, value in pairs(headers) do
    for _, each in ipairs(type(value) == 'table' and value or { value }) do
      local text = each == true and '' or each
      if find(text, CONTROLS) then return false end
      bytes = bytes + #name + #text + 4
    end
  end
  return bytes <= MAX_HEADERS
end

--- A server's call, the payment provider's or the shop's, whose headers all go on but for cookies. Its limit is
-- its own: sixty orders that were paid at once are one server's.
-- @phases access
function _M.webhook()
  look()
  req.clear_header('Cookie')
  if not are_headers_fit() then return refuse('BAD_REQUEST') end
  return fair(server_rate)
end

--- Every other route.
-- @phases access
function _M.gateway()
  look()
  return fair(address_rate)
end

return _M
