--- What keeps a link: connects, asks the service for one, sends what there is, reads answers; and from the start again
-- when it has ended. A service that knows no link (of the version before) is asked again now and then; meanwhile it is
-- asked over HTTP.
-- One timer a connection, so that what a connection allocated goes with it.
-- @module seckill.link.connection

local address = require('seckill.address')
local frames = require('seckill.link.frames')
local pool = require('seckill.link.pool')
local waiting = require('seckill.link.waiting')

local ngx = ngx
local log, NOTICE, WARN = ngx.log, ngx.NOTICE, ngx.WARN
local exiting, now, timer_at, tcp = ngx.worker.exiting, ngx.now, ngx.timer.at, ngx.socket.tcp
local spawn, kill = ngx.thread.spawn, ngx.thread.kill
local text_of = require('ffi').string
local find, ipairs, min, pcall, sub = string.find, ipairs, math.min, pcall, string.sub
local answered, read_frames, PING = waiting.answered, frames.read, frames.PING

local CONNECT_MS, SEND_MS = 500, 5000
-- How long a read waits before the link is looked after.
local LOOK_MS = 1000
local QUIET_SECONDS, SILENCE_SECONDS = 2, 5 -- proxy_read_timeout is as long
local IDLE_SECONDS = 3600
local READ_BYTES = 65536
local MAX_GREETING_LINES = 20
local FIRST_DELAY, LONGEST_DELAY, UNKNOWN_DELAY = 0.05, 1, 2 -- seconds

local _M = {}

local heard = {
  leave = pool.leave,
  answer = function(link, number, status, is_problem, retry_after, location, body)
    link.owed = link.owed - 1
    return answered(link, number, status, is_problem, retry_after, location, body)
  end,
}

-- Whether the service gives us a link; else why not.
local function shake_hands(socket)
  local sent, problem = socket:send(frames.GREETING)
  if not sent then return false, problem end
  local status
  status, problem = socket:receive()
  if not status then return false, problem end
  if not find(status, 'HTTP/1.1 101 ', 1, true) then return false, 'unknown' end
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
      if not socket:send(text) then return end -- the reader sees the end, or silence
    end
  end
end

-- Whether it has been silent too long. Asks a service that said nothing for a while whether it is there.
local function look_after(link)
  local silence = now() - link.heard_at
  if silence > SILENCE_SECONDS then return 'it is silent' end
  link.is_quiet = silence > QUIET_SECONDS
  pool.say(link, PING)
  return nil
end

-- Reads until the link ends; returns why it did.
local function read_all(link, socket)
  local rest = ''
  while true do
    local text, problem = socket:receiveany(READ_BYTES)
    if text then
      link.heard_at, link.is_quiet = now(), false
      if rest ~= '' then text = rest .. text end
      local used = read_frames(text, link, heard)
      if not used then return 'it sent what is no frame' end
      rest = used == #text and '' or sub(text, used + 1)
    else
      problem = problem == 'timeout' and look_after(link) or problem
      if problem ~= 'timeout' then return problem end
    end
    if link.owed == 0 and (link.is_leaving or exiting()) then return nil end
  end
end

-- The life of a connection. Returns whether there was a link, and why it ended.
local function live(link, socket)
  local well, problem = address.connect(socket, link.address)
  if not well then return false, problem end
  well, problem = shake_hands(socket)
  if not well then return false, problem end
  link.heard_at = now()
  pool.open(link)
  pool.say(link, PING) -- its answer shows both sides that the link is one
  local sender = spawn(send_all, link, socket)
  local no_fault
  -- A fault while answers are read ends this connection, not the link for ever.
  no_fault, problem = pcall(read_all, link, socket)
  pool.close(link)
  kill(sender)
  return true, problem, not no_fault
end

local function run(premature, link)
  if premature or exiting() then return end
  local socket = tcp()
  socket:settimeouts(CONNECT_MS, SEND_MS, LOOK_MS)
  local was_open, problem, is_fault = live(link, socket)
  socket:close()
  if exiting() then return end
  if was_open then
    link.delay = FIRST_DELAY
    if problem then
      log(is_fault and ngx.ERR or WARN, 'seckill: the link to ', address.name(link.address), ' ended: ', problem)
    end
  elseif problem == 'unknown' and link.delay ~= UNKNOWN_DELAY then
    link.delay = UNKNOWN_DELAY
    log(NOTICE, 'seckill: ', address.name(link.address), ' knows no link: it is asked over HTTP')
  elseif problem ~= 'unknown' then
    link.delay = min(link.delay * 2, LONGEST_DELAY)
  end
  timer_at(link.delay, run, link)
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
