--- Random bytes and numbers that no shopper can foretell: libcrypto's RAND_bytes, drawn 4 KB at a time, because a call
-- costs more than the bytes.
-- The first are drawn by a request, after the fork: no worker inherits any, so no two share them. Fails closed: without
-- randomness it raises, and the request ends as UNAVAILABLE.
-- @module seckill.random

local ffi = require('ffi')
local platform = require('seckill.platform')

ffi.cdef('int RAND_bytes(unsigned char *bytes, int length);')

local crypto = platform.libcrypto('RAND_bytes')
local copy = ffi.copy
local error = error

local POOL_BYTES = 4096
local TWO_BYTES = 65536

local pool, used = ffi.new('unsigned char[?]', POOL_BYTES), POOL_BYTES

local _M = {}

-- Where in the pool `count` bytes lie that were not given out before.
local function draw(count)
  if used + count > POOL_BYTES then
    if crypto.RAND_bytes(pool, POOL_BYTES) ~= 1 then error('libcrypto has no random bytes') end
    used = 0
  end
  local at = used
  used = at + count
  return at
end

--- Writes random bytes into memory that the caller has.
-- @param to memory
-- @tparam number count of bytes, at most 4096
-- @phases set
function _M.bytes(to, count)
  local at = draw(count)
  copy(to, pool + at, count)
end

--- A whole number from 0 up to `ends`, without it; each as likely as every other.
-- @tparam number ends 1 to 65536
-- @treturn number
-- @phases set
function _M.below(ends)
  local at = draw(2)
  local number = pool[at] * 256 + pool[at + 1]
  -- Above the last whole multiple, the first numbers would be likelier: another is drawn. A loop would end the compiled
  -- trace.
  if number >= TWO_BYTES - TWO_BYTES % ends then return _M.below(ends) end
  return number % ends
end

return _M
