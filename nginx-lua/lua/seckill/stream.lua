--- The agent's stream (seckill-service/contract/edge-stream.ts): worker 0 reads one JSON line per change from a unix
-- socket and applies it; every other worker sees it in the shared dictionaries.
-- One timer a connection, so that what a connection allocated goes with it. Silence of 3 s ends a connection, and an
-- ended one is followed by the next within half a second. The last state is kept in any case, but for what tickets are
-- made with: that is forgotten after half an hour without a word.
-- Each line is answered: a beat with a beat, everything else with what this edge now obeys.
-- @module seckill.stream

local json = require('seckill.platform').json
local limits = require('seckill.limits')
local secrets = require('seckill.office.secrets')
local settings = require('seckill.settings')
local state = require('seckill.state')
local ticket_keys = require('seckill.ticket_keys')

local marks = ngx.shared.seckill_marks
local log, ERR, WARN, NOTICE = ngx.log, ngx.ERR, ngx.WARN, ngx.NOTICE
local exiting, now, timer_at, tcp = ngx.worker.exiting, ngx.now, ngx.timer.at, ngx.socket.tcp
local min, pcall, type = math.min, pcall, type

local CONNECT_MS, SEND_MS = 500, 500
local SILENCE_MS = 3000
local BEAT = '{"type":"beat"}'
local FIRST_DELAY, LONGEST_DELAY = 0.05, 0.5 -- seconds
-- A ticket key that stopped signing is good for an hour more (`seckill keys rotate`): half of it is for the tickets.
local OFFICE_SECONDS = 1800

local _M = { silence_seconds = SILENCE_MS / 1000 }

local address
local delay = FIRST_DELAY
local is_connected = false

local function told(what, problem)
  if problem then log(ERR, 'seckill: the agent sent ', what, ' that cannot be used: ', problem) end
end

-- What to do with a line, by its type; each returns false when the line is not in the contract.
local apply = {
  -- The sales come last: they make the edge ready, and the first purchase meets every limit.
  snapshot = function(message)
    if type(message.sales) ~= 'table' then return false end
    if message.settings then told('settings', settings.apply(message.settings)) end
    if type(message.keys) == 'string' then told('keys', ticket_keys.apply(message.keys)) end
    if message.office then told('office', secrets.apply(message.office)) end
    state.apply_snapshot(message.sales)
  end,
  sale = function(message) state.apply(message.sale) end,
  gone = function(message)
    if type(message.id) ~= 'string' then return false end
    state.remove(message.id)
  end,
  settings = function(message) told('settings', settings.apply(message.settings)) end,
  office = function(message) told('office', secrets.apply(message.office)) end,
  keys = function(message)
    if type(message.keys) ~= 'string' then return false end
    told('keys', ticket_keys.apply(message.keys))
  end,
}

-- All that this edge obeys now.
local function applied()
  local epochs = state.epochs()
  return json.encode({
    type = 'applied',
    epochs = epochs,
    settingsVersion = settings.version(),
    limits = limits.effective(),
    maintenance = settings.maintenance() ~= nil,
    keyIds = ticket_keys.ids(),
    hasOffice = secrets.are_known(),
  })
end

-- Takes one line; returns what to answer, nil when the line is not understood.
local function take(line)
  local message = json.decode(line)
  local kind = type(message) == 'table' and message.type
  if kind == 'beat' then return BEAT end
  local handler = apply[kind]
  if handler and handler(message) ~= false then return applied() end
  log(WARN, 'seckill: the agent sent a line that is not in the contract')
  return nil
end

-- Reads until the stream ends; returns why it did.
local function read(socket)
  while not exiting() do
    local line, problem = socket:receive()
    if not line then return problem end
    marks:set('stream_at', now())
    local answer = take(line)
    if answer then
      local _, send_problem = socket:send(answer .. '\n')
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
  if now() - (marks:get('stream_at') or now()) > OFFICE_SECONDS then secrets.forget() end
  local socket = tcp()
  socket:settimeouts(CONNECT_MS, SEND_MS, SILENCE_MS)
  local connected, problem = socket:connect(address)
  if connected then
    -- A fault while a line is applied ends this connection, not the following of the agent.
    local _, reason = pcall(read, socket)
    problem = reason
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
