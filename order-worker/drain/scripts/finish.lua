-- finish: order jobs are done and leave the queue, each as BullMQ's own moveToFinished does it.
-- Keeps: only who holds a job's lock may finish it.
-- KEYS[1...14] what BullMQ's moveToFinished takes; KEYS[12] without the job's id at its end
-- ARGV[1] prefix of BullMQ's keys
-- ARGV[2] token of the locks
-- ARGV[3...] job ids
-- Returns one reply per job, in order, as BullMQ defines them; after one below 0 the job is not ours any more:
-- Returns 0 DONE
-- Returns -1 JOB_UNKNOWN
-- Returns -2 NO_LOCK
-- Returns -3 NOT_ACTIVE
-- Returns -6 LOCK_OF_ANOTHER
-- Cost: about 17 commands per job, and 1.
local keys = { unpack(KEYS) }
local jobKeyPrefix, prefix, token = KEYS[12], ARGV[1], ARGV[2]
local args = ARGV

local time = redis.call('TIME')
local nowMs = math.floor((time[1] * 1000000 + time[2]) / 1000)
local options = cmsgpack.pack({ token = token, keepJobs = { count = 0 }, attempts = 1, maxMetricsSize = '' })
local replies = {}
for index = 3, #args do
  local id = args[index]
  keys[12] = jobKeyPrefix .. id
  replies[index - 2] = moveToFinished(keys, { id, nowMs, 'returnvalue', 'null', 'completed', '0', prefix, options, '' })
end
return replies
