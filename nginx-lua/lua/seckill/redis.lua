--- GET of one key of the cache Redis, and no more: RESP2 over a cosocket.
-- Source: https://redis.io/docs/latest/develop/reference/protocol-spec/. Debian has no resty.redis; this is all we use.
-- Each step has a deadline. Failure mode: no answer. The caller asks the next tier, and for AWAY_SECONDS this worker
-- does not try again, so that a silent Redis costs one request its deadline, not all of them.
-- @module seckill.redis

local address = require('seckill.address')

local ngx = ngx
local ngx_now = ngx.now
local log, WARN = ngx.log, ngx.WARN
local match, sub, tonumber = string.match, string.sub, tonumber

local CONNECT_MS, SEND_MS, READ_MS = 100, 100, 200
local IDLE_MS, POOL_SIZE = 10000, 4
local MOST_BYTES = 1024 * 1024
local AWAY_SECONDS = 1

local _M = {}

local server, password
local away_until = 0

local function auth(socket)
  if not password or socket:getreusedtimes() > 0 then return true end
  local sent, problem = socket:send({ '*2\r\n$4\r\nAUTH\r\n$', #password, '\r\n', password, '\r\n' })
  if not sent then return nil, problem end
  local line
  line, problem = socket:receive()
  if line == '+OK' then return true end
  return nil, problem or line
end

-- `$<length>` and the bytes, `$-1` for nothing, `-<why not>`. Returns whether it went well, and the value.
local function read_bulk(socket)
  local line, problem = socket:receive()
  if not line then return false, problem end
  if line == '$-1' then return true, nil end
  local length = tonumber(match(line, '^%$(%d+)$'))
  if not length or length > MOST_BYTES then return false, line end
  local bytes
  bytes, problem = socket:receive(length + 2)
  if not bytes then return false, problem end
  return true, sub(bytes, 1, length)
end

local function ask(socket, key)
  local ready, problem = address.connect(socket, server)
  if not ready then return false, problem end
  ready, problem = auth(socket)
  if not ready then return false, problem end
  ready, problem = socket:send({ '*2\r\n$3\r\nGET\r\n$', #key, '\r\n', key, '\r\n' })
  if not ready then return false, problem end
  return read_bulk(socket)
end

--- @tparam string where empty for none
-- @tparam ?string secret what AUTH sends
-- @phases init
function _M.init(where, secret)
  server, password = address.parse(where), secret
end

--- The value of a key; nil when there is none or nobody can tell.
-- @phases content
function _M.get(key)
  if not server or ngx_now() < away_until then return nil end
  local socket = ngx.socket.tcp()
  socket:settimeouts(CONNECT_MS, SEND_MS, READ_MS)
  local well, value = ask(socket, key)
  if well then
    socket:setkeepalive(IDLE_MS, POOL_SIZE)
    return value
  end
  -- An answer may still be on its way: this connection is not used again.
  socket:close()
  away_until = ngx_now() + AWAY_SECONDS
  log(WARN, 'seckill: the cache redis does not answer (', value, '): the gateway is asked instead')
  return nil
end

return _M
