--- GET /api/sales and /api/sales/<saleId>: from memory while the stream tells of the sale, else from the tiers behind.
-- A sale comes as JSON up to `state` and `now` (contract/edge-stream.ts); those two are this moment's.
--
-- Cost: a body is built once a worker, sale and tick of nginx' clock (it moves once an event loop turn). All requests
-- of that turn share it, so under load most take neither a lock nor build a string. `hot` runs in set_by_lua, where a
-- request needs no coroutine, and nginx' own `return` sends the body.
-- @module seckill.sales

local iso = require('seckill.iso_time').of
local json = require('seckill.platform').json
local count_read = require('seckill.metrics').read
local respond = require('seckill.respond')
local state = require('seckill.state')
local tiers = require('seckill.tiers')
local variable = require('seckill.variable')

local ngx = ngx
local header, print, var, ngx_now, get_method = ngx.header, ngx.print, ngx.var, ngx.now, ngx.req.get_method
local get_sale, current_state, is_ready = state.get, state.current, state.ready
local refuse, read = respond.refuse, variable.text
local floor, concat, sub = math.floor, table.concat, string.sub
local ipairs = ipairs

local LIST, SALE_ID = tiers.LIST, variable.named('sale_id')
local NONE = '' -- nginx' idea of false
local SHADOW = 'shadow-' -- how the id of a load test's sale begins, contract/shadow-sale.ts

local _M = {}

-- Sale id, or LIST, -> body; forgotten with each tick.
local bodies, tick = {}, nil

local function memory()
  local now = ngx_now()
  if now ~= tick then
    bodies, tick = {}, now
  end
  return bodies
end

local function now_in_ms()
  return floor(ngx_now() * 1000 + 0.5)
end

local function public(sale, now_ms, now_text)
  return sale.json .. ',"state":"' .. current_state(sale, now_ms) .. '","now":"' .. now_text .. '"}'
end

-- No drafts; nor a load test's, where a shopper would queue for nothing: both are shown to a reader who knows the name.
local function is_listed(sale)
  return sale.state ~= 'draft' and sub(sale.id, 1, #SHADOW) ~= SHADOW
end

local function public_list(sales, now_ms)
  local now_text = iso(now_ms)
  local shown = {}
  for _, sale in ipairs(sales) do
    if is_listed(sale) then shown[#shown + 1] = public(sale, now_ms, now_text) end
  end
  return '{"sales":[' .. concat(shown, ',') .. '],"now":"' .. now_text .. '"}'
end

-- What memory knows under a key: the body, or nil.
local function from_memory(key)
  if key == LIST then
    return is_ready() and public_list(state.list(), now_in_ms()) or nil
  end
  local sale = get_sale(key)
  if not sale then return nil end
  local now_ms = now_in_ms()
  return public(sale, now_ms, iso(now_ms))
end

local function hot(key)
  local method = get_method()
  if method ~= 'GET' and method ~= 'HEAD' then return NONE end
  local kept = memory()
  local body = kept[key] or from_memory(key)
  if not body then return NONE end
  kept[key] = body
  count_read('memory')
  return body
end

-- What the tiers know: said the same way, and kept for the rest of the tick. Their clock is ours, so a sale opens and
-- closes in time although the agent has not told this edge.
local function cold(key)
  local text, code, seconds = tiers.find(key)
  if not text then return refuse(code, seconds) end
  local now_ms = now_in_ms()
  local found = json.decode(text)
  local body = key == LIST and public_list(found, now_ms) or public(found, now_ms, iso(now_ms))
  memory()[key] = body
  header['Content-Length'] = #body
  print(body)
end

--- The sale's body out of memory; empty when memory does not know it, and to another method than GET and HEAD. A draft
-- too, for a reader who knows its name.
-- @phases set
function _M.hot_one()
  return hot(read(SALE_ID))
end

--- The list's body out of memory; empty until the first snapshot, and to another method than GET and HEAD.
-- @phases set
function _M.hot_list()
  return hot(LIST)
end

--- A sale that memory does not know.
-- @phases content
function _M.one()
  return cold(var.sale_id)
end

--- The list, before the first snapshot.
-- @phases content
function _M.list()
  return cold(LIST)
end

return _M
