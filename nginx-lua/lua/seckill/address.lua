--- Where an upstream is: `unix:/path` or `address:port`. No names: there is no resolver.
-- @module seckill.address

local match, tonumber = string.match, tonumber

local _M = {}

--- @phases init
-- @treturn table what `connect` takes; nil for an empty text
function _M.parse(text)
  if match(text, '^unix:') then return { host = text } end
  local host, port = match(text, '^%[?([^%]]-)%]?:(%d+)$')
  return host and { host = host, port = tonumber(port) } or nil
end

--- An address as a log says it.
-- @phases any
function _M.name(address)
  return address.port and address.host .. ':' .. address.port or address.host
end

--- @phases content, timer
-- @return 1, or nil and why not
function _M.connect(socket, address)
  if address.port then return socket:connect(address.host, address.port) end
  return socket:connect(address.host)
end

return _M
