-- add-orders: puts accepted orders into the queue, each as BullMQ's own addStandardJob does it.
-- Keeps: I5. The order's id is the job's: an order that has a job gets no second one.
-- KEYS[1...9] what BullMQ's addStandardJob takes
-- ARGV[1] prefix of BullMQ's keys
-- ARGV[2] options of every job, JSON
-- ARGV[3...] orderId, its data as JSON, and so on
-- Returns {1, count} ADDED: how many orders there were
-- Runs out of memory as a whole or not at all: Redis looks before the first write of a script.
-- Cost: 9 commands per order, and 1.
local keys, prefix, jobOptions = KEYS, ARGV[1], ARGV[2]
local pairsOf = ARGV

local time = redis.call('TIME')
local nowMs = math.floor((time[1] * 1000000 + time[2]) / 1000)
local options = cjson.decode(jobOptions)
for index = 3, #pairsOf, 2 do
  local orderId = pairsOf[index]
  options.jobId = orderId
  local job = cmsgpack.pack({ prefix, orderId, 'order', nowMs })
  addStandardJob(keys, { job, pairsOf[index + 1], cmsgpack.pack(options) })
end
return { 1, (#pairsOf - 2) / 2 }
