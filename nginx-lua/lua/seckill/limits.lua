--- The limits as they are now: what settings.lua says, and over it what the agent was told by ops (`apply`).
-- They are kept as JSON in shared memory, so they survive a reload and are the same in every worker. A worker keeps
-- them in the form in which the filters use them, until the revision moves: reading them costs a request nothing.
-- @module seckill.limits

local rate = require('seckill.gcra').rate
local json = require('seckill.platform').json
local revision = require('seckill.revision')

local marks = ngx.shared.seckill_marks
local log, WARN = ngx.log, ngx.WARN
local floor, max = math.floor, math.max
local pairs, type = pairs, type

local STORED = 'limits'
local SITE_SHARE = 8 -- of an IPv6 site; siteShare in infra/stack/servers/edge-places.ts is its twin
local REPEATS_PER_SECOND = 100 -- see filters/repeats.lua

local _M = {}

local settings, workers = {}, 1
local derived, made_at = nil, nil

local function derive(limits)
  return {
    user = rate(limits.userPerSecond, limits.userBurst),
    address = rate(limits.addressPerSecond, limits.addressBurst),
    site = rate(limits.addressPerSecond * SITE_SHARE, limits.addressBurst * SITE_SHARE),
    server = rate(limits.serverPerSecond, limits.serverBurst),
    server_site = rate(limits.serverPerSecond * SITE_SHARE, limits.serverBurst * SITE_SHARE),
    -- A worker's share of the whole: see filters/in_flight.lua.
    in_flight = max(1, floor(limits.inFlight / workers)),
    -- A user may have as many on their way as he may send at once.
    in_flight_user = limits.userBurst,
    repeats = rate(REPEATS_PER_SECOND, limits.inFlight),
  }
end

--- The limits by their names, as numbers.
-- @phases any
function _M.effective()
  local all = {}
  for name, value in pairs(settings) do all[name] = value end
  for name, value in pairs(json.decode(marks:get(STORED) or '{}') or {}) do all[name] = value end
  return all
end

--- Takes the limits of settings.lua; the names are those of EdgeLimits in infra/stack/servers/edge-config.ts.
-- @phases init
function _M.init(limits, worker_count)
  settings, workers = limits, worker_count
  derived = derive(_M.effective())
end

--- The limits in the form in which the filters use them. The caller has called `revision.look` in its request.
-- @treturn table user, address, site, server, server_site and repeats ({interval, tolerance, first_ttl}); in_flight and
-- in_flight_user (of this worker)
-- @phases set, access
function _M.get()
  if made_at ~= revision.current then
    derived, made_at = derive(_M.effective()), revision.current
  end
  return derived
end

--- Takes what ops have said, as a whole: what is not named falls back to settings.lua. A limit that only newer edges
-- have is left out and logged, or a roll of mixed versions would keep everything else from the older ones. Nothing is
-- taken when a value is no whole number above 0.
-- @tparam table changes name -> number, any part of EdgeLimits
-- @treturn ?string the problem, when nothing was taken
-- @phases timer
function _M.apply(changes)
  local known = {}
  for name, value in pairs(changes) do
    if not settings[name] then
      log(WARN, 'seckill: this edge has no limit named ', name, ': it is left out, and the other settings hold')
    elseif type(value) ~= 'number' or value < 1 or value % 1 ~= 0 then
      return name .. ' must be a whole number above 0'
    else
      known[name] = value
    end
  end
  marks:set(STORED, json.encode(known))
  revision.bump()
  return nil
end

return _M
