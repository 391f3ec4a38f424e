--- What ops have set on every edge while it runs (seckill-service/contract/edge-settings.ts), from the agent.
-- It lies in shared memory: a reload keeps it; after a restart the first snapshot brings it, before the first purchase
-- passes.
-- An older version never overwrites a newer one.
-- @module seckill.settings

local limits = require('seckill.limits')
local revision = require('seckill.revision')

local marks = ngx.shared.seckill_marks
local type = type

local VERSION, RETRY_AFTER = 'settings_version', 'maintenance_retry_after'
local LONGEST_SECONDS = 3600
local HIGHEST_EPOCH = 1000000000000 -- contract/epoch.ts, also of the version

local _M = {}

local seconds, made_at = nil, nil

local function is_whole(number, most)
  return type(number) == 'number' and number >= 1 and number % 1 == 0 and number <= most
end

--- Takes settings as a whole; nothing is taken when anything of them makes no sense.
-- @tparam table settings version, limits, maintenance
-- @treturn ?string the problem
-- @phases timer
function _M.apply(settings)
  if type(settings) ~= 'table' or not is_whole(settings.version, HIGHEST_EPOCH) or type(settings.limits) ~= 'table' then
    return 'these are no settings'
  end
  if settings.version < _M.version() then return nil end
  -- JSON's null is a value of its own here.
  local on = type(settings.maintenance) == 'table'
  if on and not is_whole(settings.maintenance.retryAfterSeconds, LONGEST_SECONDS) then
    return 'retryAfterSeconds must be whole seconds, 1 to ' .. LONGEST_SECONDS
  end
  local problem = limits.apply(settings.limits)
  if problem then return problem end
  marks:set(RETRY_AFTER, on and settings.maintenance.retryAfterSeconds or 0)
  marks:set(VERSION, settings.version)
  revision.bump()
  return nil
end

--- The version that is applied, 0 when none is.
-- @phases any
function _M.version()
  return marks:get(VERSION) or 0
end

--- Seconds after which to come back, while the edge is in maintenance; nil while it works.
-- The caller has called `revision.look` in its request.
-- @phases set, access, timer
function _M.maintenance()
  if made_at ~= revision.current then
    local stored = marks:get(RETRY_AFTER) or 0
    seconds, made_at = stored > 0 and stored or nil, revision.current
  end
  return seconds
end

return _M
