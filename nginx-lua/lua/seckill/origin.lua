--- The last tier: the gateway, which reads PostgreSQL and fills the cache Redis (gateway/sales/edge-sales.ts).
-- One GET a connection, in HTTP/1.0, whose answer ends with the connection: nothing to parse but the head. A subrequest
-- would be simpler, but ngx_lua has none for a shopper who came by HTTP/2. Nothing of the shopper's request is sent
-- along: what is fetched is shown to everyone.
-- @module seckill.origin

local address = require('seckill.address')

local ngx = ngx
local match, find, sub, tonumber = string.match, string.find, string.sub, tonumber

-- The reading one is below the lock of tiers.lua: PostgreSQL has 4 s for a statement, and the edge no such patience.
local CONNECT_MS, SEND_MS, READ_MS = 200, 200, 2000

local _M = {}

local gateway

local function exchange(socket, path)
  local well, problem = address.connect(socket, gateway)
  if not well then return nil, problem end
  well, problem = socket:send('GET /edge/' .. path .. ' HTTP/1.0\r\nHost: edge\r\n\r\n')
  if not well then return nil, problem end
  return socket:receive('*a')
end

--- @tparam string server the gateway's
-- @phases init
function _M.init(server)
  gateway = address.parse(server)
end

--- @tparam string path below /edge/ of the gateway
-- @treturn number status; 503 also when the gateway did not answer
-- @treturn string body
-- @phases content
function _M.get(path)
  local socket = ngx.socket.tcp()
  socket:settimeouts(CONNECT_MS, SEND_MS, READ_MS)
  local answer = exchange(socket, path)
  socket:close()
  local status = answer and tonumber(match(answer, '^HTTP/1%.[01] (%d%d%d) '))
  local _, head_end = find(answer or '', '\r\n\r\n', 1, true)
  if not status or not head_end then return 503, '' end
  return status, sub(answer, head_end + 1)
end

return _M
