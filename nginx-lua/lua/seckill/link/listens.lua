--- Whether a service is there, before nginx is asked to connect to it.
-- @module seckill.link.listens

local ffi = require('ffi')

local sub = string.sub

ffi.cdef[[
struct seckill_unix_address { unsigned short family; char path[108]; };
int socket(int domain, int type, int protocol);
int connect(int socket, const struct seckill_unix_address *address, unsigned int length);
int close(int file);
]]
local C = ffi.C
local UNIX, STREAM_AND_NONBLOCKING_AND_CLOSED_ON_EXEC = 1, 0x80801 -- of Linux
local MAX_PATH = 107

local _M = {}

--- Whether something takes connections at a unix socket, told without the line that nginx logs for each refused one.
-- @tparam table address as address.lua parses it
-- @treturn boolean true where it cannot be told: of an address with a port nginx logs nothing
-- @phases timer
function _M.at(address)
  local path = sub(address.host, #'unix:' + 1)
  if address.port or #path > MAX_PATH then return true end
  local file = C.socket(UNIX, STREAM_AND_NONBLOCKING_AND_CLOSED_ON_EXEC, 0)
  if file < 0 then return true end
  local to = ffi.new('struct seckill_unix_address')
  to.family = UNIX
  ffi.copy(to.path, path)
  local is_there = C.connect(file, to, ffi.sizeof(to)) == 0
  C.close(file)
  return is_there
end

return _M
