--- base64url (RFC 4648, section 5) into memory that the caller has, where decoding into a string would make one.
-- @module seckill.base64url

local ffi = require('ffi')

local byte, band, bor, lshift, rshift = string.byte, bit.band, bit.bor, bit.lshift, bit.rshift

local ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
local NONE = 64 -- set in what is no letter of the alphabet, in no letter's value

local value_of = ffi.new('unsigned char[256]')
ffi.fill(value_of, 256, NONE)
for value = 0, 63 do value_of[byte(ALPHABET, value + 1)] = value end

local _M = {}

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

return _M
