--- The links of this worker, one to each service (connection.lua keeps them), and which of them is asked next.
-- A purchase that left is never sent again (I5). One that a link holds when it ends, and has not begun to send, goes to
-- another.
-- @module seckill.link.pool

local ffi = require('ffi')
local frames = require('seckill.link.frames')
local waiting = require('seckill.link.waiting')
local semaphore = require('ngx.semaphore')

local written, write_purchase, MAX_BYTES = frames.written, frames.write_purchase, frames.MAX_BYTES
local is_awaited, move, give_up = waiting.is_awaited, waiting.move, waiting.give_up
local copy, new = ffi.copy, ffi.new

-- What a service may leave unread beside what the kernel holds for it: about 200 purchases.
local UNSENT_BYTES = 64 * 1024
-- A link that is slow to say that it is there is asked when the others have this many more to answer.
local QUIET_WEIGHT = 1000

local links, open_count, turn = {}, 0, 0

local _M = {}

--- Adds the link to a service, closed.
-- @tparam table address as address.lua parses it
-- @treturn table the link: `unsent` and `unsent_bytes` hold frames; `owed` answers are to come
-- @phases init_worker
function _M.add(address)
  local link = {
    address = address,
    is_open = false,
    is_leaving = false,
    is_quiet = false,
    is_cut = false,
    -- That it cannot be reached was said.
    is_missed = false,
    silent_looks = 0,
    owed = 0,
    unsent = new('unsigned char[?]', UNSENT_BYTES),
    unsent_bytes = 0,
    -- At `wake` its sender waits for something to send, while `is_idle`.
    wake = semaphore.new(),
    is_idle = false,
  }
  links[#links + 1] = link
  return link
end

--- @phases timer
function _M.open(link)
  link.is_open, link.is_leaving, link.is_quiet, link.owed, link.unsent_bytes = true, false, false, 0, 0
  link.is_idle = false
  open_count = open_count + 1
end

--- How many can be asked, or could if there were room.
-- @phases init_worker, set
function _M.count()
  return open_count
end

--- The link with the fewest answers to come, in turn where there are several such.
-- @treturn ?table nil when no link is open, or none has room
-- @phases set, content, timer
function _M.choose()
  local found, least
  local n = #links
  for i = 1, n do
    local link = links[(turn + i) % n + 1]
    if link.is_open and not link.is_leaving and link.unsent_bytes + MAX_BYTES <= UNSENT_BYTES then
      local weight = link.owed + (link.is_quiet and QUIET_WEIGHT or 0)
      if not found or weight < least then
        found, least = link, weight
      end
    end
  end
  return found
end

local choose = _M.choose

local function wake(link)
  if link.is_idle then
    link.is_idle = false
    link.wake:post(1)
  end
end

--- Asks a link that `choose` found.
-- @tparam table link
-- @tparam number number of waiting.lua
-- @param ... as frames.write_purchase takes it
-- @phases content
function _M.ask(link, number, sale_id, ticket, request_id, body, body_length)
  turn = turn + 1
  local to = link.unsent + link.unsent_bytes
  link.unsent_bytes = link.unsent_bytes + write_purchase(to, number, sale_id, ticket, request_id, body, body_length)
  link.owed = link.owed + 1
  wake(link)
end

--- Sends something that needs no answer; it is left out when there is no room.
-- @phases timer
function _M.say(link, text)
  if link.unsent_bytes + #text > UNSENT_BYTES then return end
  copy(link.unsent + link.unsent_bytes, text, #text)
  link.unsent_bytes = link.unsent_bytes + #text
  wake(link)
end

--- A service wants to be asked no more.
-- @phases timer
function _M.leave(link)
  if link.is_leaving then return end
  link.is_leaving = true
  open_count = open_count - 1
end

-- Gives what was not sent to others, as long as they have room, unless its shopper was told meanwhile that it failed.
local function hand_over(link)
  local at = 0
  while at < link.unsent_bytes do
    local frame = link.unsent + at
    local length, number = written(frame)
    local other = number and is_awaited(number) and choose()
    if other then
      copy(other.unsent + other.unsent_bytes, frame, length)
      other.unsent_bytes = other.unsent_bytes + length
      other.owed = other.owed + 1
      move(number, other)
      wake(other)
    end
    at = at + length
  end
end

--- A link has ended.
-- @phases timer
function _M.close(link)
  _M.leave(link)
  link.is_open = false
  hand_over(link)
  give_up(link)
  wake(link)
end

return _M
