--- base64url (RFC 4648, section 5), decoded into memory that the caller has, where a string would be made anew, and
-- encoded out of memory.
-- @module seckill.base64url

local ffi = require('ffi')
require('resty.core.base') -- declares ngx_str_t

local C = ffi.C
local byte, band, bor, lshift, rshift = string.byte, bit.band, bit.bor, bit.lshift, bit.rshift
local text_of, tonumber = ffi.string, tonumber

local ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
local NONE = 64 -- set in what is no letter of the alphabet, in no letter's value

local value_of = ffi.new('unsigned char[256]')
ffi.fill(value_of, 256, NONE)
for value = 0, 63 do value_of[byte(ALPHABET, value + 1)] = value end

-- nginx' own encoder: in Lua the loop over the bytes would end the compiled trace that it stands in.
ffi.cdef('void ngx_encode_base64url(ngx_str_t *target, ngx_str_t *source);')
local source, target = ffi.new('ngx_str_t'), ffi.new('ngx_str_t')
local MAX_LETTERS = 512
local letters = ffi.new('unsigned char[?]', MAX_LETTERS)

local _M = {}

--- Whether each letter from `first` to `last` is of the alphabet.
-- @treturn boolean
-- @phases set, access
function _M.is_text(text, first, last)
  local seen = 0
  for i = first, last do seen = bor(seen, value_of[byte(text, i)]) end
  return band(seen, NONE) == 0
end

--- Encodes the first `count` bytes, without padding.
-- @param bytes memory
-- @tparam number count
-- @param to memory with room for the letters, four for three bytes
-- @tparam number at where in it the first letter goes
-- @treturn number where the next one would go
-- @phases set, access
function _M.encode_into(bytes, count, to, at)
  source.data, source.len = bytes, count
  target.data = to + at
  C.ngx_encode_base64url(target, source)
  return at + tonumber(target.len)
end

local encode_into = _M.encode_into

--- The same as a string; 384 bytes at most.
-- @param bytes memory
-- @tparam number count
-- @treturn string
function _M.encode(bytes, count)
  return text_of(letters, encode_into(bytes, count, letters, 0))
end

--- Decodes 43 characters of `text`, from `first` on, into 32 bytes. Bits that do not make a byte are not looked at.
-- @treturn boolean false when one of them is not of the alphabet
-- @phases any
function _M.decode_32_bytes(text, first, bytes)
  local seen, at = 0, 0
  for i = first, first + 39, 4 do
    local w, x, y, z = byte(text, i, i + 3)
    w, x, y, z = value_of[w], value_of[x], value_of[y], value_of[z]
    seen = bor(seen, w, x, y, z)
    bytes[at] = bor(lshift(w, 2), rshift(x, 4))
    bytes[at + 1] = bor(lshift(x, 4), rshift(y, 2))
    bytes[at + 2] = bor(lshift(y, 6), z)
    at = at + 3
  end
  local w, x, y = byte(text, first + 40, first + 42)
  w, x, y = value_of[w], value_of[x], value_of[y]
  bytes[30] = bor(lshift(w, 2), rshift(x, 4))
  bytes[31] = bor(lshift(x, 4), rshift(y, 2))
  return band(bor(seen, w, x, y), NONE) == 0
end

--- Decodes the letters of `text` from `first` to `last`.
-- @param bytes memory for them
-- @treturn ?number how many bytes they are; nil when one is not of the alphabet, or the last has bits that make no byte
-- @phases any
function _M.decode(text, first, last, bytes)
  local rest = (last - first + 1) % 4
  if rest == 1 then return nil end
  local seen, at = 0, 0
  for i = first, last - rest, 4 do
    local w, x, y, z = byte(text, i, i + 3)
    w, x, y, z = value_of[w], value_of[x], value_of[y], value_of[z]
    seen = bor(seen, w, x, y, z)
    bytes[at] = bor(lshift(w, 2), rshift(x, 4))
    bytes[at + 1] = bor(lshift(x, 4), rshift(y, 2))
    bytes[at + 2] = bor(lshift(y, 6), z)
    at = at + 3
  end
  if rest == 2 then
    local w, x = byte(text, last - 1, last)
    w, x = value_of[w], value_of[x]
    seen = bor(seen, w, x, lshift(band(x, 15), 6)) -- what is left over is seen as NONE
    bytes[at] = bor(lshift(w, 2), rshift(x, 4))
    at = at + 1
  elseif rest == 3 then
    local w, x, y = byte(text, last - 2, last)
    w, x, y = value_of[w], value_of[x], value_of[y]
    seen = bor(seen, w, x, y, lshift(band(y, 3), 6))
    bytes[at] = bor(lshift(w, 2), rshift(x, 4))
    bytes[at + 1] = bor(lshift(x, 4), rshift(y, 2))
    at = at + 2
  end
  return seen < NONE and at or nil
end

return _M
