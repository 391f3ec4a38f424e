--- Start-up: reads the settings once, in the master, and starts what each worker runs beside its requests.
-- @module seckill.init

local in_flight = require('seckill.in_flight')
local metrics = require('seckill.metrics')
local rate_limit = require('seckill.rate_limit')
local stream = require('seckill.stream')
local ticket = require('seckill.ticket')

-- Loaded here so that the workers inherit compiled modules and a mistake in one stops nginx at its start.
require('seckill.access')
require('seckill.inner')
require('seckill.log')
require('seckill.sales')

local _M = {}

local function read_file(path)
  local file, problem = io.open(path, 'rb')
  if not file then error('cannot read the ticket keys: ' .. problem) end
  local text = file:read('*a')
  file:close()
  return text
end

--- Reads settings.lua and the ticket keys; raises on anything wrong, so that nginx does not start.
-- @tparam string settings_path rendered by infra/stack/edge-config.ts
-- @phases init
function _M.init(settings_path)
  local settings = dofile(settings_path)
  ticket.init(read_file(settings.ticket_keys_file))
  rate_limit.init(settings.limits)
  in_flight.init(settings.limits.in_flight, settings.workers)
  stream.init(settings.agent_socket)
  metrics.init(settings.edge_id, settings.platform)
end

--- @phases init_worker
function _M.init_worker()
  math.randomseed(ngx.now() * 1000 + ngx.worker.pid())
  metrics.start()
  if ngx.worker.id() == 0 then stream.start() end
end

return _M
