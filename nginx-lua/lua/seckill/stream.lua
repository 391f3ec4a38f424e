--- The agent's stream (seckill-service/contract/edge-stream.ts): worker 0 reads one JSON line per change from a unix
-- socket and applies it; every other worker sees it in the shared dictionaries.
-- One timer a connection, so that what a connection allocated goes with it. Silence of 3 s ends a connection, and an
-- ended one is followed by the next within half a second. Whatever happens, the last state is kept.
-- @module seckill.stream

local json = require('seckill.platform').json
local state = require('seckill.state')

local marks = ngx.shared.seckill_marks
local log, WARN, NOTICE = ngx.log, ngx.WARN, ngx.NOTICE
local exiting, now, timer_at, tcp = ngx.worker.exiting, ngx.now, ngx.timer.at, ngx.socket.tcp
local min, type = math.min, type

local CONNECT_MS, SEND_MS = 500, 500
local SILENCE_MS = 3000
local FIRST_DELAY, LONGEST_DELAY = 0.05, 0.5 -- seconds

local _M = { silence_seconds = SILENCE_MS / 1000 }

local address
local delay = FIRST_DELAY
local is_connected = false

-- Applies one line; true when the state may have changed.
local function apply(line)
  local message = json.decode(line)
  local kind = type(message) == 'table' and message.type
  if kind == 'snapshot' and type(message.sales) == 'table' then
    state.apply_snapshot(message.sales)
  elseif kind == 'sale' then
    state.apply(message.sale)
  elseif kind == 'gone' and type(message.id) == 'string' then
    state.remove(message.id)
  else
    if kind ~= 'beat' then log(WARN, 'seckill: the agent sent a line that is not in the contract') end
    return false
  end
  return true
end

-- Reads until the stream ends; returns why it did.
local function read(socket)
  while not exiting() do
    local line, problem = socket:receive()
    if not line then return problem end
    marks:set('stream_at', now())
    if apply(line) then
      local _, send_problem = socket:send(json.encode({ type = 'applied', epochs = state.epochs() }) .. '\n')
      if send_problem then return send_problem end
    end
    delay = FIRST_DELAY
    if not is_connected then
      is_connected = true
      log(NOTICE, 'seckill: the agent speaks')
    end
  end
  return 'exiting'
end

local function run(premature)
  if premature or exiting() then return end
  local socket = tcp()
  socket:settimeouts(CONNECT_MS, SEND_MS, SILENCE_MS)
  local connected, problem = socket:connect(address)
  if connected then
    problem = read(socket)
    socket:close()
  end
  if exiting() then return end
  if is_connected then
    is_connected = false
    log(WARN, 'seckill: the stream of the agent ended (', problem, '); the last state is kept')
  end
  timer_at(delay, run)
  delay = min(delay * 2, LONGEST_DELAY)
end

--- @tparam string agent_socket absolute path
-- @phases init
function _M.init(agent_socket)
  address = 'unix:' .. agent_socket
end

--- @phases init_worker
function _M.start()
  timer_at(0, run)
end

--- Seconds since the agent's last line, or nil when there was none yet.
-- @phases content
function _M.age()
  local at = marks:get('stream_at')
  return at and now() - at
end

return _M
