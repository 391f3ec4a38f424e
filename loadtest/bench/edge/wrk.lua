-- What wrk sends: one method, path and body, and in turn each line of a file. Usage, after `--`:
--   <method> <path> <body, may be empty> <file, may be empty> <name of the header that a line is the value of>
-- A line may hold a body as well, after a tab; all of these are of one length.
-- A request is formatted once, so that the client costs both sides the same, and little; only a line is
-- put into it when it is sent. LuaJIT 2.1 beta 3 hashes of a text its first and last four bytes and those at a half and a
-- quarter. Requests that are alike there have one hash, and to keep ten thousands of them apart costs 100 µs each. So the
-- line stands right behind the request's first: then the half falls into a ticket's signature.
-- luacheck: globals wrk init request done

local list, bodies, before, after, turn = {}, {}, '', '', 0
local PLACE = '<value>'

local function read(path)
  for line in io.lines(path) do
    local value, body = line:match('^([^\t]*)\t?(.*)$')
    list[#list + 1], bodies[#bodies + 1] = value, body
  end
end

function init(args)
  local method, path, body, file, header = args[1], args[2], args[3], args[4], args[5]
  if file == '' then list, bodies = { '' }, { '' } else read(file) end
  local headers = {}
  if method == 'POST' then headers['Content-Type'] = 'application/json' end
  -- A body of the file stands at the end: it is formatted with one as long as all, which is cut off again.
  local longest = #bodies[1]
  local text = wrk.format(method, path, headers, longest > 0 and bodies[1] or body ~= '' and body or nil)
  text = text:sub(1, #text - longest)
  if file ~= '' then text = text:gsub('\r\n', '\r\n' .. header .. ': ' .. PLACE .. '\r\n', 1) end
  local from, to = text:find(PLACE, 1, true)
  before, after = from and text:sub(1, from - 1) or text, from and text:sub(to + 1) or ''
end

function request()
  turn = turn % #list + 1
  return before .. list[turn] .. after .. bodies[turn]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('{"requests":%d,"seconds":%.6f,"refusals":%d,"errors":%d,"p50Ms":%.4f,"p99Ms":%.4f}\n',
    summary.requests, summary.duration / 1e6, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
