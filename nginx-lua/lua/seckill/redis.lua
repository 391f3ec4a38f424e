--- GET of one key of the cache Redis, and no more: RESP2 over a cosocket.
-- Source: https://redis.io/docs/latest/develop/reference/protocol-spec/. Debian has no resty.redis; this is all we use.
-- Each step has a deadline. Failure mode: no answer. The caller asks the next tier, and for AWAY_SECONDS this worker
-- does not try again, so that a silent Redis costs one request its deadline, not all of them.
-- @module seckill.redis

local address = require('seckill.address')
local note = require('seckill.faults').note

local ngx = ngx
local ngx_now = ngx.now
local match, sub, ipairs, pcall, tonumber = string.match, string.sub, ipairs, pcall, tonumber

local CONNECT_MS, SEND_MS, READ_MS = 100, 100, 200
local IDLE_MS, POOL_SIZE = 10000, 4
local MOST_BYTES = 1024 * 1024
local AWAY_SECONDS = 1

local _M = {}

local server, login, tls_name
local away_until = 0

-- What a new connection says first: TLS, where the certificate is checked, and who it is.
local function introduce(socket)
  if socket:getreusedtimes() > 0 then return true end
  if tls_name then
    -- pcall: lua-resty-core asserts when a handshake ends at once and the certificate is not accepted (its issue 499).
    -- `nil` and not `false` for the session: with that one it would be taken for accepted.
    local well, shaken, problem = pcall(socket.sslhandshake, socket, nil, tls_name, true)
    if not well then return nil, 'its certificate is not accepted' end
    if not shaken then return nil, problem end
  end
  if not login then return true end
  local sent, problem = socket:send(login)
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
  ready, problem = introduce(socket)
  if not ready then return false, problem end
  ready, problem = socket:send({ '*2\r\n$3\r\nGET\r\n$', #key, '\r\n', key, '\r\n' })
  if not ready then return false, problem end
  return read_bulk(socket)
end

--- @tparam string where empty for none
-- @tparam table how `secret` and `user` are what AUTH sends, `tls_name` is the name in its certificate; each may be nil
-- @phases init
function _M.init(where, how)
  server, login, tls_name = address.parse(where), nil, how.tls_name
  if not how.secret then return end
  local words = how.user and { 'AUTH', how.user, how.secret } or { 'AUTH', how.secret }
  login = '*' .. #words .. '\r\n'
  for _, word in ipairs(words) do login = login .. '$' .. #word .. '\r\n' .. word .. '\r\n' end
end

--- The value of a key; nil when there is none or Redis does not answer.
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
  -- Of an error the code alone: its text may name the key, which a stranger chose.
  note('the cache Redis does not answer (' .. (match(value, '^%-%u+') or value) .. '): the gateway is asked instead')
  return nil
end

return _M
