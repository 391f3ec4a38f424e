--- The tiers behind this edge's memory, for a sale that the stream does not tell of: nginx was restarted while nothing
-- reaches the agent, or ZooKeeper lists the sale no longer. First a shared dictionary, then Redis, then the gateway,
-- which asks PostgreSQL. Only what is shown comes from here; a purchase needs the streamed state.
--
-- One request fills a key at a time, over all workers (the lock is an atomic `add` that expires). The others get the
-- stale value meanwhile, or wait for the first one. An unknown sale is remembered as unknown, a failure as a failure,
-- each for a moment, so neither is asked for again and again. Strangers can grow nothing: both dictionaries drop their
-- oldest, and an edge fills at most FILLS_PER_SECOND keys.
--
-- Failure mode: closed, with 503 UNAVAILABLE, unless a stale value is at hand. It is shown for as long as no tier
-- tells of a newer one.
-- @module seckill.tiers

local gcra = require('seckill.gcra')
local note = require('seckill.faults').note
local origin = require('seckill.origin')
local platform = require('seckill.platform')
local count_read = require('seckill.metrics').read
local redis = require('seckill.redis')
local state = require('seckill.state')

local json = platform.json
local cache = ngx.shared.seckill_cache
local verdicts = ngx.shared.seckill_verdicts
local fills = ngx.shared.seckill_fills
local sleep, ngx_now = ngx.sleep, ngx.now
local match, random = string.match, math.random
local type, ipairs, next = type, ipairs, next

local FRESH = 'FRESH'
local KEPT_SECONDS = 600
local VERDICT_SECONDS = { FRESH = 1, SALE_UNKNOWN = 3, UNAVAILABLE = 1 }
local RETRY_SECONDS = { UNAVAILABLE = 1 }
local LOCK_SECONDS = 5 -- longer than the deadlines of Redis and the gateway together
local WAIT_SECONDS, LOOK_SECONDS = 1, 0.02
local MOST_WAITING = 256 -- a worker; more have their answer sooner when they come again
local FILLS_PER_SECOND, FILLS_BURST = 50, 100

local BUDGET, BUDGET_RATE = '*budget', gcra.rate(FILLS_PER_SECOND, FILLS_BURST)

local waiting = 0

-- No id in a URL looks like this.
local _M = { LIST = '/' }

--- The twin of saleIdPattern in contract/sale.ts; a test compares them.
-- @phases any
function _M.is_sale_id(id)
  return #id <= 48 and match(id, '^[a-z0-9][a-z0-9-]*$') ~= nil and match(id, '-$') == nil
end

--- The twin of publicSaleKey and publicSalesKey in contract/redis-keys.ts; a test compares them.
-- @phases any
function _M.redis_key(key)
  return key == _M.LIST and 'seckill:sales:public' or 'seckill:{' .. key .. '}:public'
end

local function well_formed(key, value)
  if key ~= _M.LIST then return state.well_formed(value) and value.id == key end
  if type(value) ~= 'table' or (#value == 0 and next(value) ~= nil) then return false end
  for _, sale in ipairs(value) do
    if not state.well_formed(sale) then return false end
  end
  return true
end

-- Whether `held` is to stay because it is of a higher epoch (I7). The list has none of its own.
local function is_newer(held, value)
  local sale = held and json.decode(held)
  return sale and sale.epoch and value.epoch and sale.epoch > value.epoch
end

-- Keeps what a tier said; nil when that is not what the contract says.
local function keep(key, text, tier)
  local value = json.decode(text)
  if not well_formed(key, value) then
    note(tier .. ' told something that is no sale of the contract')
    return nil
  end
  local held = cache:get(key)
  if is_newer(held, value) then text = held end
  cache:set(key, text, KEPT_SECONDS)
  verdicts:set(key, FRESH, VERDICT_SECONDS.FRESH)
  return text
end

local function told_by(tier, text)
  count_read(tier)
  return text
end

local function remember(key, code)
  count_read('none')
  verdicts:set(key, code, VERDICT_SECONDS[code])
  return nil, code, RETRY_SECONDS[code]
end

-- Asks the tiers one after the other.
local function ask(key)
  local text = redis.get(_M.redis_key(key))
  text = text and keep(key, text, 'the cache Redis')
  if text then return told_by('redis', text) end
  local status, body = origin.get(key == _M.LIST and 'sales' or 'sales/' .. key)
  if status == 404 and key ~= _M.LIST then
    cache:delete(key)
    return remember(key, 'SALE_UNKNOWN')
  end
  if status ~= 200 then note('the gateway does not tell of sales: ' .. status) end
  text = status == 200 and keep(key, body, 'the gateway')
  if text then return told_by('gateway', text) end
  return remember(key, 'UNAVAILABLE')
end

local function fill(key)
  local seconds = gcra.take(fills, BUDGET, BUDGET_RATE)
  if seconds then return nil, 'RATE_LIMITED', seconds end
  return ask(key)
end

-- Whether the tiers were asked a moment ago, and what they told is still at hand.
local function is_fresh(verdict, text)
  return verdict and (text or verdict ~= FRESH)
end

-- The value, stale or not, unless there is no such sale; and why there is none.
local function known(key, verdict)
  if verdict == 'SALE_UNKNOWN' then return nil, verdict end
  local text = cache:get(key)
  if text then return told_by('dictionary', text) end
  return nil, verdict, RETRY_SECONDS[verdict]
end

-- Until the request that holds the lock is done, one way or the other.
local function wait(key)
  if waiting >= MOST_WAITING then return nil, 'BUSY', random(1, 3) end
  waiting = waiting + 1
  local patience = ngx_now() + WAIT_SECONDS
  local verdict
  repeat
    sleep(LOOK_SECONDS)
    verdict = verdicts:get(key)
  until verdict or ngx_now() > patience
  waiting = waiting - 1
  return known(key, verdict or 'UNAVAILABLE')
end

--- What the tiers know under a key.
-- @tparam string key a sale id as it stood in the URL, or LIST
-- @treturn string JSON of an EdgeSale, or of a list of them; or nil, a problem code and whole seconds to wait
-- @phases content
function _M.find(key)
  if key ~= _M.LIST and not _M.is_sale_id(key) then return nil, 'SALE_UNKNOWN' end
  local verdict, text = verdicts:get(key), cache:get(key)
  if is_fresh(verdict, text) then return known(key, verdict) end

  -- The lock first: who waits for another costs the tiers nothing, and takes nothing of the budget.
  if not fills:add(key, true, LOCK_SECONDS) then
    if text then return told_by('dictionary', text) end
    return wait(key)
  end
  -- Another worker may have had the lock, and asked, between the look above and this one.
  verdict, text = verdicts:get(key), cache:get(key)
  if is_fresh(verdict, text) then
    fills:delete(key)
    return known(key, verdict)
  end
  local found, code, seconds = fill(key)
  fills:delete(key)
  if not found and code ~= 'SALE_UNKNOWN' and text then return text end
  return found, code, seconds
end

return _M
