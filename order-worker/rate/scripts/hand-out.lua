-- hand-out: lets a worker go on with the orders that a rate over all workers allows now.
-- Keeps: the rate, by Redis' own TIME: a generic cell rate algorithm, where `tat` is the instant at which the next
--   order is due (ITU-T I.371; brandur.org/rate-limiting). Time in which orders waited and no worker took them is made
--   up for, but for no more than one slice; idle time and pauses are not.
-- KEYS[1] bucket
-- ARGV[1] asked: orders that the worker could go on with
-- ARGV[2] rate: orders/s, 0 uncapped; empty: this worker does not know, what was last set here counts
-- ARGV[3] paused: 1 or 0
-- ARGV[4] slice in µs
-- ARGV[5] idle: 1 when no order has waited since this worker asked last, else 0
-- Returns {1, count, waitMicros} ALLOWED: go on with count of them; waitMicros until the next order is due
-- Returns {-1, 0, 0} PAUSED
-- Returns {-2, 0, 0} UNKNOWN: no worker has said yet how fast
-- Cost: 3 commands.
local bucketKey = KEYS[1]
local asked, rate, paused = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local slice, idle = tonumber(ARGV[4]), ARGV[5]

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local last = redis.call('HMGET', bucketKey, 'tat', 'rate', 'paused')
if rate == '' then
  if not last[2] then return { -2, 0, 0 } end
  rate, paused = last[2], last[3]
end
local function keep(tat)
  redis.call('HSET', bucketKey, 'tat', string.format('%.1f', tat), 'rate', rate, 'paused', paused)
end
if paused == '1' then
  keep(now)
  return { -1, 0, 0 }
end

local capped = tonumber(rate) > 0
local interval = capped and 1000000 / tonumber(rate) or 0
-- Never further ahead than one interval of the rate of now: a low rate that was raised, a clock that was set back.
local tat = math.min(math.max(tonumber(last[1]) or now, now - slice), now + interval)
if idle == '1' then tat = math.max(tat, now) end
local count = asked
if capped then count = tat > now and 0 or math.min(asked, math.floor((now - tat) / interval) + 1) end
tat = tat + count * interval
keep(tat)
return { 1, count, math.max(0, math.ceil(tat - now)) }
