--- How much work a challenge asks for: the twin of gateway/tickets/pressure.ts, which tells why; a test feeds both.
-- Users are counted in windows of 2 s by the clock, each once in a window, by all workers of this edge together: a key
-- of shared memory for each user and window, and one for the count, which alone is read again.
-- Fails open: when the dictionary is full, the oldest keys go, those of windows that are over. Were they all of this
-- window, a user could count twice, and work would be dearer than it has to be. Bounded: no more users are kept than
-- make a difference.
-- @module seckill.office.pressure

local dict = ngx.shared.seckill_pressure
local floor, max = math.floor, math.max

local ROUNDS, CALM_BITS, HARDEST_BITS = 16, 12, 17
local WINDOW_MS = 2000
local KEPT_SECONDS = 4 -- a window, and the next, in which its count is still asked for
local COUNT = '#' -- no key of a user ends in it

local _M = { rounds = ROUNDS, calm_bits = CALM_BITS, hardest_bits = HARDEST_BITS }

-- The window, how its keys begin, the key of its count; how many users it has at least, and how many the last one had.
local window, start, count_key = nil, nil, nil
local users, before = 0, 0

local function enter(now_window)
  window, start = now_window, now_window .. ' '
  count_key = start .. COUNT
  users, before = 0, dict:get((now_window - 1) .. ' ' .. COUNT) or 0
end

--- Counts this user and says what a challenge should cost.
-- @tparam string user
-- @tparam number now_ms Unix ms
-- @tparam number calm_per_second users a second up to whom the work stays calm
-- @treturn number bits of each of the 16 rounds, 12 to 17
-- @phases set
function _M.bits(user, now_ms, calm_per_second)
  local now_window = floor(now_ms / WINDOW_MS)
  if now_window ~= window then enter(now_window) end
  local calm = calm_per_second * WINDOW_MS / 1000
  if users < calm * 2 ^ (HARDEST_BITS - CALM_BITS) then
    if dict:add(start .. user, true, KEPT_SECONDS) then
      users = dict:incr(count_key, 1, 0, KEPT_SECONDS) or users
    else
      users = dict:get(count_key) or users
    end
  end
  -- The window under way counts as soon as it is above the last one: a crowd arrives at once.
  local rate, bits = max(users, before), CALM_BITS
  while bits < HARDEST_BITS and rate >= calm * 2 do
    calm, bits = calm * 2, bits + 1
  end
  return bits
end

return _M
