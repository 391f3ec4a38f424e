--- The sales as this edge knows them, shared by all workers.
-- `seckill_sales` holds sale id -> JSON. A worker keeps the decoded sales until the revision moves (revision.lua), so
-- a request costs one locked read. One writer: stream.lua in worker 0.
-- Invariant I7: a lower epoch never overwrites a higher one.
-- @module seckill.state

local json = require('seckill.platform').json
local revision = require('seckill.revision')

local sales = ngx.shared.seckill_sales
local marks = ngx.shared.seckill_marks
local learned = ngx.shared.seckill_learned
local log, ERR = ngx.log, ngx.ERR
local type, ipairs, pairs, sort = type, ipairs, pairs, table.sort

local LEARNED_SECONDS = 1
local MAX_ID = 48 -- letters, saleIdPattern in contract/sale.ts: office/ writes ids into memory of a known size
local HIGHEST_EPOCH = 1000000000000 -- contract/epoch.ts

local _M = {}

local cache, listing, made_at = {}, nil, nil

local function refresh()
  local now = revision.look()
  if now ~= made_at then
    cache, listing, made_at = {}, nil, now
  end
end

local function load(id)
  local sale = cache[id]
  if sale then return sale end
  local text = sales:get(id)
  if not text then return nil end
  sale = json.decode(text)
  cache[id] = sale
  return sale
end

--- Whether a decoded value is an EdgeSale of the contract.
-- @phases any
function _M.well_formed(sale)
  return type(sale) == 'table' and type(sale.id) == 'string' and #sale.id <= MAX_ID and type(sale.epoch) == 'number'
    and sale.epoch >= 0 and sale.epoch <= HIGHEST_EPOCH and type(sale.state) == 'string'
    and type(sale.opensAtMs) == 'number' and type(sale.closesAtMs) == 'number'
    and type(sale.json) == 'string'
end

local function put(sale)
  if not _M.well_formed(sale) then
    log(ERR, 'seckill: the agent sent a sale that is not one')
    return
  end
  local held = json.decode(sales:get(sale.id) or 'null')
  if type(held) == 'table' and held.epoch > sale.epoch then return end
  local stored, problem = sales:safe_set(sale.id, json.encode(sale))
  if not stored then log(ERR, 'seckill: sale ', sale.id, ' does not fit into seckill_sales: ', problem) end
end

--- The sale of an id, or nil.
-- @tparam string id as it stood in the URL
-- @phases set, access, log
function _M.get(id)
  refresh()
  return load(id)
end

--- All sales, by id.
-- @phases set, content, timer
function _M.list()
  refresh()
  if not listing then
    local ids = sales:get_keys(0)
    sort(ids)
    local all = {}
    for _, id in ipairs(ids) do all[#all + 1] = load(id) end
    listing = all
  end
  return listing
end

--- Whether a first snapshot was applied since nginx started.
-- @phases set, access, content
function _M.ready()
  return marks:get('ready') == true
end

--- The twin of effectiveState in seckill-service/contract/sale.ts; a test compares the two. Times are Unix ms.
-- @phases any
function _M.effective(stored, opens_at_ms, closes_at_ms, now_ms)
  if stored == 'draft' or stored == 'closed' then return stored end
  if now_ms >= closes_at_ms then return 'closed' end
  if stored == 'paused' then return stored end
  if now_ms < opens_at_ms then return 'upcoming' end
  return stored
end

local effective = _M.effective

--- The state of a sale now, with what this edge learned by itself.
-- A memory of another epoch counts for nothing: stock came back, or the sale was changed, since.
-- @phases set, content
function _M.current(sale, now_ms)
  local current = effective(sale.state, sale.opensAtMs, sale.closesAtMs, now_ms)
  if current == 'open' and learned:get(sale.id) == sale.epoch then return 'sold_out' end
  return current
end

--- The service answered 410 to a purchase that passed at `epoch`: shed for a second without being told.
-- @phases log
function _M.learn_sold_out(id, epoch)
  local sale = _M.get(id)
  if sale and sale.epoch == epoch then learned:set(id, epoch, LEARNED_SECONDS) end
end

--- Applies one sale unless a higher epoch is known; an equal epoch refreshes.
-- @phases timer
function _M.apply(sale)
  put(sale)
  revision.bump()
end

--- Applies all sales there are, and forgets the others.
-- @phases timer
function _M.apply_snapshot(all)
  local named = {}
  for _, sale in ipairs(all) do
    put(sale)
    if type(sale) == 'table' and sale.id then named[sale.id] = true end
  end
  for _, id in ipairs(sales:get_keys(0)) do
    if not named[id] then sales:delete(id) end
  end
  revision.bump()
  marks:set('ready', true)
end

--- @phases timer
function _M.remove(id)
  sales:delete(id)
  revision.bump()
end

--- Sale id -> epoch, of all that is applied.
-- @phases timer, content
function _M.epochs()
  local epochs = {}
  for _, sale in pairs(_M.list()) do epochs[sale.id] = sale.epoch end
  return epochs
end

return _M
