--- Times as text: ISO 8601, UTC, with milliseconds, as JavaScript's toISOString writes them.
-- The text up to the second is kept, for some seconds: most that are told are now, or a fixed while from now.
-- @module seckill.iso_time

local date, floor, format = os.date, math.floor, string.format

local MAX_KEPT = 16
local TO_SECOND = '!%Y-%m-%dT%H:%M:%S.'

-- What follows the second's dot.
local rest = {}
for ms = 0, 999 do rest[ms] = format('%03dZ', ms) end

local seconds, kept = {}, 0

local _M = {}

--- @tparam number ms whole Unix ms, from 1970 to 9999
-- @treturn string
-- @phases set, access, content
function _M.of(ms)
  local second = floor(ms / 1000)
  local text = seconds[second]
  if not text then
    if kept == MAX_KEPT then seconds, kept = {}, 0 end
    text = date(TO_SECOND, second)
    seconds[second], kept = text, kept + 1
  end
  return text .. rest[ms - second * 1000]
end

return _M
