--- What keeps a link: connects, asks the service for one, sends what there is, reads answers; and from the start again
-- when it has ended. A service that knows no link (of the version before) is asked again now and then; meanwhile it is
-- asked over HTTP.
-- One timer a connection, so that what a connection allocated goes with it.
-- @module seckill.link.connection

local address = require('seckill.address')
local frames = require('seckill.link.frames')
local listens = require('seckill.link.listens').at
local pool = require('seckill.link.pool')
local waiting = require('seckill.link.waiting')

local ngx = ngx
local log, ERR, NOTICE, WARN = ngx.log, ngx.ERR, ngx.NOTICE, ngx.WARN
local exiting, sleep, timer_at, tcp = ngx.worker.exiting, ngx.sleep, ngx.timer.at, ngx.socket.tcp
local spawn, kill = ngx.thread.spawn, ngx.thread.kill
local text_of = require('ffi').string
local find, ipairs, min, pcall, sub = string.find, ipairs, math.min, pcall, string.sub
local answered, read_frames, PING = waiting.answered, frames.read, frames.PING

local CONNECT_MS, SEND_MS = 500, 5000
-- How long a read waits before the link is looked after. Silence is counted in such looks, not read off a clock, which
-- may be put forward, or have gone on while the worker was stopped.
local LOOK_MS = 1000
local QUIET_LOOKS, SILENT_LOOKS = 2, 5 -- proxy_read_timeout is as long
local IDLE_SECONDS = 3600
local READ_BYTES = 65536
local MAX_GREETING_LINES = 20
local UNKNOWN = 'it knows no link'
local FIRST_DELAY, LONGEST_DELAY, UNKNOWN_DELAY = 0.05, 1, 2 -- seconds

local _M = {}

local heard = {
  leave = pool.leave,
  answer = function(link, number, status, is_problem, retry_after, location, body)
    link.owed = link.owed - 1
    return answered(link, number, status, is_problem, retry_after, location, body)
  end,
}

-- Calls, and logs a fault: none of them may end what keeps the link.
local function guarded(call, ...)
  local no_fault, problem = pcall(call, ...)
  if not no_fault then log(ERR, 'seckill: fault in Lua: ', problem) end
  return problem
end

-- Whether the service gives us a link; else why not.
local function shake_hands(socket)
  local sent, problem = socket:send(frames.GREETING)
  if not sent then return false, problem end
  local status
  status, problem = socket:receive()
  if not status then return false, problem end
  if not find(status, 'HTTP/1.1 101 ', 1, true) then return false, UNKNOWN end
  for _ = 1, MAX_GREETING_LINES do
    local line
    line, problem = socket:receive()
    if not line then return false, problem end
    if line == '' then return true end
  end
  return false, 'too long a greeting'
end

-- All that there is at a time in one write: what was asked in one turn of the worker's loop, and meanwhile.
local function send_all(link, socket)
  while link.is_open do
    if link.unsent_bytes == 0 then
      link.is_idle = true
      link.wake:wait(IDLE_SECONDS)
      link.is_idle = false
    else
      local text = text_of(link.unsent, link.unsent_bytes)
      link.unsent_bytes = 0
      if not socket:send(text) then return end
    end
  end
end

-- A link that cannot send is asked no more: what follows a frame that was cut could not be read. Its reader ends it.
local function send_until_cut(link, socket)
  guarded(send_all, link, socket)
  if not link.is_open then return end
  link.is_cut = true
  pool.leave(link)
end

-- Whether it has been silent too long. Asks a service that said nothing for a while whether it is there.
local function look_after(link)
  if link.is_cut then return 'it takes nothing' end
  link.silent_looks = link.silent_looks + 1
  if link.silent_looks >= SILENT_LOOKS then return 'it is silent' end
  link.is_quiet = link.silent_looks >= QUIET_LOOKS
  pool.say(link, PING)
  return nil
end

-- Reads until the link ends; returns why it did.
local function read_all(link, socket)
  local rest = ''
  while true do
    local text, problem = socket:receiveany(READ_BYTES)
    if text then
      link.silent_looks, link.is_quiet, link.delay = 0, false, FIRST_DELAY
      if rest ~= '' then text = rest .. text end
      local used = read_frames(text, link, heard)
      if not used then return 'it sent what is no frame' end
      rest = used == #text and '' or sub(text, used + 1)
    else
      problem = problem == 'timeout' and look_after(link) or problem
      if problem ~= 'timeout' then return problem end
    end
    if link.owed <= 0 and (link.is_leaving or exiting()) then return nil end
  end
end

-- The life of a connection. Returns why it ended, or that there was none; a fault ends it, not the link for ever.
local function live(link, socket)
  if not listens(link.address) then return 'nothing listens there' end
  local well, problem = address.connect(socket, link.address)
  if not well then return problem end
  well, problem = shake_hands(socket)
  if not well then return problem end
  link.silent_looks, link.is_cut = 0, false
  pool.open(link)
  pool.say(link, PING) -- its answer shows both sides that the link is one
  if link.is_missed then log(WARN, 'seckill: the link to ', address.name(link.address), ' is back') end
  link.is_missed, link.is_unknown = false, false
  link.sender = spawn(send_until_cut, link, socket)
  return read_all(link, socket)
end

-- Says once that a service cannot be reached, until it is again.
local function tell(link, was_open, problem)
  local name = address.name(link.address)
  if was_open then
    if problem then log(WARN, 'seckill: the link to ', name, ' ended: ', problem) end
    link.is_missed = problem ~= nil
  elseif problem == UNKNOWN then
    if not link.is_unknown then log(NOTICE, 'seckill: ', name, ' knows no link: it is asked over HTTP') end
    link.is_missed, link.is_unknown = false, true
  elseif not link.is_missed then
    log(WARN, 'seckill: no link to ', name, ': ', problem)
    link.is_missed = true
  end
end

local function run(premature, link)
  if premature or exiting() then return end
  local socket = tcp()
  socket:settimeouts(CONNECT_MS, SEND_MS, LOOK_MS)
  local problem = guarded(live, link, socket)
  local was_open = link.is_open
  if was_open then guarded(pool.close, link) end
  if link.sender then kill(link.sender) end
  link.sender = nil
  socket:close()
  if exiting() then return end
  tell(link, was_open, problem)
  local delay = problem == UNKNOWN and UNKNOWN_DELAY or link.delay
  link.delay = min(link.delay * 2, LONGEST_DELAY)
  -- A timer may be refused where there are too many.
  while not timer_at(delay, run, link) and not exiting() do sleep(LONGEST_DELAY) end
end

--- @tparam table addresses as address.lua parses them
-- @phases init_worker
function _M.start(addresses)
  for _, where in ipairs(addresses) do
    local link = pool.add(where)
    link.delay = FIRST_DELAY
    timer_at(0, run, link)
  end
end

return _M
