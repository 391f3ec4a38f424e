--- Start-up: reads the settings once, in the master, and starts what each worker runs beside its requests.
-- @module seckill.init

local faults = require('seckill.faults')
local link = require('seckill.link')
local count_links = require('seckill.link.pool').count
local limits = require('seckill.limits')
local metrics = require('seckill.metrics')
local metrics_page = require('seckill.metrics_page')
local origin = require('seckill.origin')
local redis = require('seckill.redis')
local stream = require('seckill.stream')
local ticket_keys = require('seckill.ticket_keys')

-- Loaded here so that the workers inherit compiled modules and a mistake in one stops nginx at its start.
require('seckill.inner')
local FOR_SHOPPERS, HOT = { 'access', 'lost', 'respond', 'sales' }, { 'link', 'log', 'purchase', 'ticket_office' }

-- LuaJIT compiles a whole chain of checks into one trace. Its constants (functions, names, addresses) are more than the
-- 500 for which there is room by default: it would give up, and interpret each challenge and ticket.
local TRACE_ROOM = 'maxirconst=4000'

local ipairs = ipairs
local match = string.match

local _M = {}

local function read_file(path)
  local file, problem = io.open(path, 'rb')
  if not file then error('cannot read a file of secrets: ' .. problem) end
  local text = file:read('*a')
  file:close()
  return text
end

--- Reads settings.lua and the ticket keys; raises on anything wrong, so that nginx does not start.
-- @tparam string settings_path rendered by infra/stack/servers/edge-config.ts
-- @phases init
function _M.init(settings_path)
  jit.opt.start(TRACE_ROOM)
  local settings = dofile(settings_path)
  ticket_keys.init(read_file(settings.ticket_keys_file))
  limits.init(settings.limits, settings.workers)
  stream.init(settings.agent_socket)
  origin.init(settings.gateway)
  link.init(settings.services)
  local secret = settings.cache_redis_password_file
  redis.init(settings.cache_redis, {
    secret = secret ~= '' and match(read_file(secret), '^[^\r\n]+') or nil,
    user = settings.cache_redis_user ~= '' and settings.cache_redis_user or nil,
    tls_name = settings.cache_redis_name ~= '' and settings.cache_redis_name or nil,
  })
  metrics_page.init(settings.edge_id, settings.platform)
  for _, name in ipairs(FOR_SHOPPERS) do faults.guard(name, require('seckill.' .. name)) end
  for _, name in ipairs(HOT) do faults.guard_once_suspect(name, require('seckill.' .. name)) end
end

--- @phases init_worker
function _M.init_worker()
  math.randomseed(ngx.now() * 1000 + ngx.worker.pid())
  metrics.start(count_links)
  faults.start()
  link.start()
  if ngx.worker.id() == 0 then stream.start() end
end

return _M
