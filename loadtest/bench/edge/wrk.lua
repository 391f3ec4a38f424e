-- What wrk sends: one method, path and body, and in turn each ticket of a file. Usage, after `--`:
--   <method> <path> <body, may be empty> <file of tickets, one a line, may be empty>
-- A request is formatted once, so that the client costs both sides the same, and little; only a ticket is
-- put into it when it is sent. Whole requests that differ in the middle alone would have one hash in LuaJIT 2.1 beta 3,
-- and ten thousands of them take it minutes to keep apart.
-- luacheck: globals wrk init request done

local list, before, after, turn = {}, '', '', 0
local PLACE = '<ticket>'

local function tickets(path)
  if path == '' then return { '' } end
  local lines = {}
  for line in io.lines(path) do lines[#lines + 1] = line end
  return lines
end

function init(args)
  local method, path, body, file = args[1], args[2], args[3], args[4]
  list = tickets(file)
  local headers = {}
  if method == 'POST' then headers['Content-Type'] = 'application/json' end
  if file ~= '' then headers['Seckill-Ticket'] = PLACE end
  local text = wrk.format(method, path, headers, body ~= '' and body or nil)
  local from, to = text:find(PLACE, 1, true)
  before, after = from and text:sub(1, from - 1) or text, from and text:sub(to + 1) or ''
end

function request()
  turn = turn % #list + 1
  return before .. list[turn] .. after
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('{"requests":%d,"seconds":%.6f,"refusals":%d,"errors":%d,"p50Ms":%.4f,"p99Ms":%.4f}\n',
    summary.requests, summary.duration / 1e6, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
