--- Counters: a worker counts in plain Lua tables and adds them to the shared dictionary four times a second, so that
-- a request takes no lock. A worker that is killed loses at most a quarter of a second of counts.
-- @module seckill.metrics

local in_flight = require('seckill.in_flight')

local dict = ngx.shared.seckill_metrics
local pairs, ipairs, lower, match = pairs, ipairs, string.lower, string.match
local concat, sort, format = table.concat, table.sort, string.format

local FLUSH_SECONDS = 0.25
local REQUESTS, UPSTREAM, IN_FLIGHT = 'requests', 'upstream', 'in_flight'

local _M = {}

local requests, upstream = {}, {}
local info = ''

local function add(counts, sale_id, label)
  local row = counts[sale_id]
  if not row then
    row = {}
    counts[sale_id] = row
  end
  row[label] = (row[label] or 0) + 1
end

local function flush_counts(kind, counts)
  for sale_id, row in pairs(counts) do
    for label, n in pairs(row) do
      if n > 0 then
        dict:incr(kind .. ' ' .. sale_id .. ' ' .. lower(label), n, 0)
        row[label] = 0
      end
    end
  end
end

-- Also runs with `premature`, when the worker exits: its last counts are not lost.
local function flush()
  flush_counts(REQUESTS, requests)
  flush_counts(UPSTREAM, upstream)
  dict:set(IN_FLIGHT .. ' ' .. ngx.worker.id() .. ' ', in_flight.count())
end

--- @phases init
function _M.init(edge_id, platform)
  info = format('seckill_edge_info{edge="%s",platform="%s"} 1', edge_id, platform)
end

--- @phases init_worker
function _M.start()
  ngx.timer.every(FLUSH_SECONDS, flush)
end

--- One purchase request, passed or refused by the edge.
-- @tparam string outcome `passed` or a problem code
-- @phases access
function _M.request(sale_id, outcome)
  add(requests, sale_id, outcome)
end

--- One answer of the service.
-- @phases log
function _M.upstream(sale_id, status)
  add(upstream, sale_id, status)
end

local function family(lines, name, kind, help)
  lines[#lines + 1] = '# HELP ' .. name .. ' ' .. help
  lines[#lines + 1] = '# TYPE ' .. name .. ' ' .. kind
end

--- The page that Prometheus reads.
-- @tparam table gauges ready, stale (booleans), age (seconds or nil), epochs (sale id -> epoch)
-- @treturn string text exposition format 0.0.4
-- @phases content
function _M.render(gauges)
  local keys = dict:get_keys(0)
  sort(keys)
  local requests_rows, upstream_rows, flying = {}, {}, 0
  for _, key in ipairs(keys) do
    local kind, sale_id, label = match(key, '^(%S+) (%S*) (%S*)$')
    local n = dict:get(key) or 0
    if kind == REQUESTS then
      requests_rows[#requests_rows + 1] =
        format('seckill_edge_requests_total{sale="%s",outcome="%s"} %d', sale_id, label, n)
    elseif kind == UPSTREAM then
      upstream_rows[#upstream_rows + 1] =
        format('seckill_edge_upstream_total{sale="%s",status="%s"} %d', sale_id, label, n)
    elseif kind == IN_FLIGHT then
      flying = flying + n
    end
  end

  local lines = {}
  family(lines, 'seckill_edge_info', 'gauge', 'Which edge this is.')
  lines[#lines + 1] = info
  family(lines, 'seckill_edge_requests_total', 'counter', 'Purchase requests by outcome: passed, or why refused.')
  for _, row in ipairs(requests_rows) do lines[#lines + 1] = row end
  family(lines, 'seckill_edge_upstream_total', 'counter', 'Answers of seckill-service to what passed.')
  for _, row in ipairs(upstream_rows) do lines[#lines + 1] = row end
  family(lines, 'seckill_edge_in_flight', 'gauge', 'Purchases that are with the service now.')
  lines[#lines + 1] = 'seckill_edge_in_flight ' .. flying
  family(lines, 'seckill_edge_ready', 'gauge', '1 once the first snapshot was applied.')
  lines[#lines + 1] = 'seckill_edge_ready ' .. (gauges.ready and 1 or 0)
  family(lines, 'seckill_edge_stream_stale', 'gauge', '1 while the agent is silent: the state may be old.')
  lines[#lines + 1] = 'seckill_edge_stream_stale ' .. (gauges.stale and 1 or 0)
  if gauges.age then
    family(lines, 'seckill_edge_stream_age_seconds', 'gauge', 'Seconds since the agent spoke last.')
    lines[#lines + 1] = format('seckill_edge_stream_age_seconds %.3f', gauges.age)
  end
  family(lines, 'seckill_edge_applied_epoch', 'gauge', 'The epoch of each sale that this edge obeys.')
  for sale_id, epoch in pairs(gauges.epochs) do
    lines[#lines + 1] = format('seckill_edge_applied_epoch{sale="%s"} %d', sale_id, epoch)
  end
  return concat(lines, '\n') .. '\n'
end

return _M
