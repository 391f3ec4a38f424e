--- The page that Prometheus reads: the counters of metrics.lua and the edge's gauges.
-- @module seckill.metrics_page

local answer_times = require('seckill.answer_times')
local secrets = require('seckill.office.secrets')
local sign_in_keys = require('seckill.office.sign_in_keys')
local state = require('seckill.state')
local stream = require('seckill.stream')

local ngx = ngx
local var = ngx.var
local dict, sales = ngx.shared.seckill_metrics, ngx.shared.seckill_sales
local ipairs, pairs, sort, concat = ipairs, pairs, table.sort, table.concat
local find, format, sub = string.find, string.format, string.sub

local _M = {}

local info = ''
local SINCE = 'counts_since'

-- The shared dictionary as lists of lines by family, how many purchases are in flight, and how many links are open.
local function counters()
  local families, flying, links = {}, 0, 0
  local keys = dict:get_keys(0)
  sort(keys)
  for _, key in ipairs(keys) do
    local n = dict:get(key) or 0 -- gone since
    local brace = find(key, '{', 1, true)
    if brace then
      local name = sub(key, 1, brace - 1)
      local lines = families[name] or {}
      lines[#lines + 1] = format('%s %d', key, n)
      families[name] = lines
    elseif find(key, 'in_flight ', 1, true) == 1 then
      flying = flying + n
    elseif find(key, 'links ', 1, true) == 1 then
      links = links + n
    end
  end
  return families, flying, links
end

local function family(page, kind, name, help, lines)
  page[#page + 1] = '# HELP ' .. name .. ' ' .. help
  page[#page + 1] = '# TYPE ' .. name .. ' ' .. kind
  for _, line in ipairs(lines) do page[#page + 1] = line end
end

local function gauge(page, name, help, value)
  family(page, 'gauge', name, help, { name .. ' ' .. value })
end

local function applied_epochs()
  local lines = {}
  for id, epoch in pairs(state.epochs()) do
    lines[#lines + 1] = format('seckill_edge_applied_epoch{sale="%s"} %d', id, epoch)
  end
  sort(lines)
  return lines
end

local function count_sign_in_keys()
  local office = secrets.get()
  return sign_in_keys.count(office and office.sign_in)
end

-- nginx' own numbers; none where it was built without stub_status.
local function connections()
  local lines = {}
  for _, kind in ipairs({ 'active', 'reading', 'writing', 'waiting' }) do
    local n = var['connections_' .. kind]
    if n then lines[#lines + 1] = format('seckill_edge_connections{kind="%s"} %s', kind, n) end
  end
  return lines
end

--- A reload keeps the counters, and since when they count.
-- @phases init
function _M.init(edge_id, platform)
  dict:add(SINCE, ngx.now())
  info = format('seckill_edge_info{edge="%s",platform="%s"} 1', edge_id, platform)
end

--- @treturn string text exposition format 0.0.4
-- @phases content
function _M.render()
  local families, flying, links = counters()
  local age = stream.age()
  local page = {}
  family(page, 'gauge', 'seckill_edge_info', 'Which edge this is.', { info })
  gauge(page, 'seckill_edge_counts_since_seconds', 'When these counters began at 0, Unix seconds.',
    format('%.3f', dict:get(SINCE) or 0))
  family(page, 'counter', 'seckill_edge_requests_total',
    'Purchases: passed on, or refused with which outcome by which check.',
    families.seckill_edge_requests_total or {})
  family(page, 'counter', 'seckill_edge_upstream_total',
    'Answers of seckill-service to what was passed on; none: the shopper or the service left before one.',
    families.seckill_edge_upstream_total or {})
  family(page, 'histogram', answer_times.NAME,
    'How long purchases took that were passed on, until their answer was out.', answer_times.lines())
  family(page, 'counter', 'seckill_edge_sale_reads_total',
    'Looks at a sale or the list, by the tier that knew.', families.seckill_edge_sale_reads_total or {})
  family(page, 'counter', 'seckill_edge_office_total',
    'Requests for a challenge or a ticket: answered here, refused with which code, or passed on and why.',
    families.seckill_edge_office_total or {})
  family(page, 'gauge', 'seckill_edge_connections', 'Connections of clients, by what they are at.', connections())
  gauge(page, 'seckill_edge_sales_free_bytes', 'Room for more sales in this edge’s memory.', sales:free_space())
  gauge(page, 'seckill_edge_in_flight', 'Purchases that are with the service now.', flying)
  gauge(page, 'seckill_edge_service_links', 'Open links to services, of all workers.', links)
  gauge(page, 'seckill_edge_ready', '1 once the first snapshot was applied.', state.ready() and 1 or 0)
  gauge(page, 'seckill_edge_stream_stale', '1 while the agent is silent: the state may be old.',
    (not age or age > stream.silence_seconds) and 1 or 0)
  if age then
    gauge(page, 'seckill_edge_stream_age_seconds', 'Seconds since the agent spoke last.', format('%.3f', age))
  end
  -- After the epochs, whose look at the revision counts for all.
  local epochs = applied_epochs()
  gauge(page, 'seckill_edge_sign_in_keys', 'Keys by which this edge verifies the tokens of the shop’s own sign-in.',
    count_sign_in_keys())
  family(page, 'gauge', 'seckill_edge_applied_epoch', 'The epoch of each sale that this edge obeys.', epochs)
  return concat(page, '\n') .. '\n'
end

return _M
