--- GET /api/sales and /api/sales/<saleId>, from memory. The agent sends each sale's JSON up to `state` and `now`.
-- @module seckill.sales

local respond = require('seckill.respond')
local state = require('seckill.state')

local ngx = ngx
local header, var = ngx.header, ngx.var
local floor, date, format, concat = math.floor, os.date, string.format, table.concat
local ipairs = ipairs

local _M = {}

-- ISO 8601 UTC with milliseconds.
local function iso(now_ms)
  return date('!%Y-%m-%dT%H:%M:%S', floor(now_ms / 1000)) .. format('.%03dZ', now_ms % 1000)
end

local function public(sale, now_ms, now_text)
  return sale.json .. ',"state":"' .. state.current(sale, now_ms) .. '","now":"' .. now_text .. '"}'
end

local function answer(body)
  header['Content-Type'] = 'application/json'
  header['Content-Length'] = #body
  header['Cache-Control'] = 'public, max-age=0, s-maxage=1'
  ngx.print(body)
end

local function now_in_ms()
  return floor(ngx.now() * 1000 + 0.5)
end

--- Every sale but the drafts.
-- @phases content
function _M.list()
  if not state.ready() then return respond.refuse('UNAVAILABLE', 1) end
  local now_ms = now_in_ms()
  local now_text = iso(now_ms)
  local shown = {}
  for _, sale in ipairs(state.list()) do
    if sale.state ~= 'draft' then shown[#shown + 1] = public(sale, now_ms, now_text) end
  end
  return answer('{"sales":[' .. concat(shown, ',') .. '],"now":"' .. now_text .. '"}')
end

--- One sale; a draft too, for whoever knows its name.
-- @phases content
function _M.one()
  local sale = state.get(var.sale_id)
  if sale then
    local now_ms = now_in_ms()
    return answer(public(sale, now_ms, iso(now_ms)))
  end
  if state.ready() then return respond.refuse('SALE_UNKNOWN') end
  return respond.refuse('UNAVAILABLE', 1)
end

return _M
