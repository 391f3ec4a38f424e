-- fetch: takes order jobs off the queue, as many as the drain's rate allows, each as BullMQ's own moveToActive does it.
-- Keeps: the rate that ops set, over all workers together, by Redis' own TIME: a generic cell rate algorithm, where
--   `tat` is the instant at which the next order is due (ITU-T I.371; brandur.org/rate-limiting). Time in which orders
--   waited and nobody took them is made up for, but for no more than one slice; idle time and pauses are not.
-- KEYS[1...11] what BullMQ's moveToActive takes
-- KEYS[12] bucket
-- ARGV[1] prefix of BullMQ's keys
-- ARGV[2] token of the locks
-- ARGV[3] lockMs
-- ARGV[4] most jobs
-- ARGV[5] rate: orders/s, 0 uncapped; empty: this worker does not know, what was last set here counts
-- ARGV[6] paused: 1 or 0
-- ARGV[7] slice in µs
-- Returns {1, waitMicros, id, data, id, data, ...} FETCHED: waitMicros until the next order is due
-- Returns {0, 0, id, data, ...} DRY: fewer jobs waited than were allowed
-- Returns {-1, 0} PAUSED
-- Returns {-2, 0} UNKNOWN: nobody has said yet how fast
-- Cost: about 15 commands per job, and 4.
local queueKeys, bucketKey = { unpack(KEYS, 1, 11) }, KEYS[12]
local prefix, token, lockMs, most = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local rate, paused, slice = ARGV[5], ARGV[6], tonumber(ARGV[7])

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local last = redis.call('HMGET', bucketKey, 'tat', 'rate', 'paused')
if rate == '' then
  if not last[2] then return { -2, 0 } end
  rate, paused = last[2], last[3]
end
local function keep(tat)
  redis.call('HSET', bucketKey, 'tat', string.format('%.1f', tat), 'rate', rate, 'paused', paused)
end
if paused == '1' then
  keep(now)
  return { -1, 0 }
end

local capped = tonumber(rate) > 0
local interval = capped and 1000000 / tonumber(rate) or 0
-- Never further ahead than one interval of the rate of now: a low rate that was raised, a clock that was set back.
local tat = math.min(math.max(tonumber(last[1]) or now, now - slice), now + interval)
local allowed = most
if capped then allowed = tat > now and 0 or math.min(most, math.floor((now - tat) / interval) + 1) end

local reply = { 1, 0 }
local options = cmsgpack.pack({ token = token, lockDuration = lockMs })
local taken = 0
while taken < allowed do
  local job = moveToActive(queueKeys, { prefix, math.floor(now / 1000), options })
  if type(job[1]) ~= 'table' then break end
  taken = taken + 1
  reply[taken * 2 + 1], reply[taken * 2 + 2] = job[2], ''
  for field = 1, #job[1], 2 do
    if job[1][field] == 'data' then reply[taken * 2 + 2] = job[1][field + 1] end
  end
end
tat = tat + taken * interval
if taken < allowed then
  reply[1] = 0
  tat = math.max(tat, now)
end
keep(tat)
if reply[1] == 1 then reply[2] = math.max(0, math.ceil(tat - now)) end
return reply
