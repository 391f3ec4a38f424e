--- Counters: a worker counts in plain Lua tables and adds them to the shared dictionary four times a second, so that a
-- request takes no lock and builds no string. A worker that is killed loses at most a quarter of a second of counts.
-- A key of the dictionary is the series as Prometheus reads it; metrics_page.lua writes them out.
-- @module seckill.metrics

local answer_times = require('seckill.answer_times')
local in_flight = require('seckill.filters.in_flight')

local dict = ngx.shared.seckill_metrics
local pairs, lower = pairs, string.lower

local FLUSH_SECONDS = 0.25
local FORGET_SECONDS = 5 -- a worker that is gone has nothing in flight, and no link

-- check -> sale id -> problem code -> count; sale id -> count, twice; sale id -> status -> count; tier -> count
local refused, passed, repeated, upstream, read = {}, {}, {}, {}, {}
local count_links
-- route -> sale id -> outcome -> count
local office = {}

local _M = {}

local function row_of(rows, name)
  local row = rows[name]
  if not row then
    row = {}
    rows[name] = row
  end
  return row
end

-- Adds what was counted since the last time; what does not fit is kept for the next.
local function move(row, label, series)
  local n = row[label]
  if n > 0 and dict:incr(series, n, 0) then row[label] = 0 end
end

-- Also runs with `premature`, when the worker exits: its last counts are not lost.
local function flush()
  for check, sales in pairs(refused) do
    for sale_id, row in pairs(sales) do
      local series = 'seckill_edge_requests_total{sale="' .. sale_id .. '",check="' .. check .. '",outcome="'
      for code in pairs(row) do move(row, code, series .. lower(code) .. '"}') end
    end
  end
  for sale_id in pairs(passed) do
    move(passed, sale_id, 'seckill_edge_requests_total{sale="' .. sale_id .. '",outcome="passed"}')
  end
  for sale_id in pairs(repeated) do
    move(repeated, sale_id, 'seckill_edge_requests_total{sale="' .. sale_id .. '",check="repeats",outcome="passed"}')
  end
  for sale_id, row in pairs(upstream) do
    local series = 'seckill_edge_upstream_total{sale="' .. sale_id .. '",status="'
    for status in pairs(row) do move(row, status, series .. status .. '"}') end
  end
  for route, sales in pairs(office) do
    for sale_id, row in pairs(sales) do
      local series = 'seckill_edge_office_total{route="' .. route .. '",sale="' .. sale_id .. '",outcome="'
      for outcome in pairs(row) do move(row, outcome, series .. lower(outcome) .. '"}') end
    end
  end
  for tier in pairs(read) do move(read, tier, 'seckill_edge_sale_reads_total{tier="' .. tier .. '"}') end
  answer_times.flush()
  dict:set('in_flight ' .. ngx.worker.id(), in_flight.count(), FORGET_SECONDS)
  dict:set('links ' .. ngx.worker.id(), count_links(), FORGET_SECONDS)
end

--- @tparam function links says how many links this worker has open
-- @phases init_worker
function _M.start(links)
  count_links = links
  ngx.timer.every(FLUSH_SECONDS, flush)
end

--- A purchase that the edge refused.
-- @tparam string check which filter did
-- @tparam string sale_id of a known sale, or ''
-- @tparam string code
-- @phases access, set
function _M.refused(check, sale_id, code)
  local row = row_of(row_of(refused, check), sale_id)
  row[code] = (row[code] or 0) + 1
end

--- A purchase that went on to the service.
-- @phases access, set
function _M.passed(sale_id)
  passed[sale_id] = (passed[sale_id] or 0) + 1
end

--- A repeat that went on to the service although the edge would have refused a first press.
-- @phases access, set
function _M.repeated(sale_id)
  repeated[sale_id] = (repeated[sale_id] or 0) + 1
end

--- An answer of the service.
-- @tparam string status HTTP's, or `none`
-- @phases log
function _M.upstream(sale_id, status)
  local row = row_of(upstream, sale_id)
  row[status] = (row[status] or 0) + 1
end

--- A request for a challenge or a ticket.
-- @tparam string route `challenge` or `ticket`
-- @tparam string sale_id of a known sale, or ''
-- @tparam string outcome `answered`; the code of a refusal; or, of what goes on to the gateway, why: `passed_no_keys`
-- (the agent has not told the secrets), `passed_sale` (it has not told what the sale asks), `passed_method` (HEAD, or a
-- condition), `passed_sign_in` (a token that is not judged here), `passed_body` or `passed_answer` (one that is not
-- read here)
-- @phases set, access
function _M.office(route, sale_id, outcome)
  local row = row_of(row_of(office, route), sale_id)
  row[outcome] = (row[outcome] or 0) + 1
end

--- Somebody looked at a sale, or at the list.
-- @tparam string tier who knew: memory, dictionary, redis, gateway, or none
-- @phases set, content
function _M.read(tier)
  read[tier] = (read[tier] or 0) + 1
end

return _M
