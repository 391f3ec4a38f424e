--- How long the purchases took that went on to the service, as a Prometheus histogram: from the first byte of the
-- request until nginx had its answer out, in nginx’ milliseconds. What the edge answers by itself is not in it.
-- A worker counts in a table; metrics.lua calls `flush` four times a second.
-- @module seckill.answer_times

local dict = ngx.shared.seckill_metrics
local now, start_time = ngx.now, ngx.req.start_time
local ipairs, format = ipairs, string.format

local NAME = 'seckill_edge_answer_seconds'
local BOUNDS = { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5 }
local LAST = #BOUNDS + 1
local SUM = NAME .. '_sum'

local KEYS, counts, sum = {}, {}, 0
for i, bound in ipairs(BOUNDS) do KEYS[i] = format('%s_bucket{le="%s"}', NAME, bound) end
KEYS[LAST] = NAME .. '_bucket{le="+Inf"}'
for i = 1, LAST do counts[i] = 0 end

local _M = { NAME = NAME }

--- The request at hand has its answer.
-- @phases log
function _M.observe()
  local seconds = now() - start_time()
  local i = 1
  while i < LAST and seconds > BOUNDS[i] do i = i + 1 end
  counts[i] = counts[i] + 1
  sum = sum + seconds
end

--- Adds what was counted since the last time to the shared dictionary.
-- @phases timer
function _M.flush()
  local up_to = 0
  for i = 1, LAST do
    up_to = up_to + counts[i]
    if up_to > 0 then dict:incr(KEYS[i], up_to, 0) end
    counts[i] = 0
  end
  if up_to > 0 then dict:incr(SUM, sum, 0) end
  sum = 0
end

--- The histogram's samples.
-- @phases content
function _M.lines()
  local lines = {}
  for i = 1, LAST do lines[i] = format('%s %d', KEYS[i], dict:get(KEYS[i]) or 0) end
  lines[#lines + 1] = format('%s %.3f', SUM, dict:get(SUM) or 0)
  lines[#lines + 1] = format('%s_count %d', NAME, dict:get(KEYS[LAST]) or 0)
  return lines
end

return _M
