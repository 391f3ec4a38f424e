--- Filter 5: is the ticket ours, of this sale, and still good?
-- The twin of checkTicket in seckill-service/contract/ticket.ts, where the format is described; a test compares both.
-- No pattern (LuaJIT does not compile them), and no string that is not used: the only new one is the user.
-- Fails closed: what cannot be verified does not pass. The service checks again.
-- Counter: seckill_edge_requests_total{check="ticket"}
-- @module seckill.filters.ticket

local ffi = require('ffi')
local decode_32_bytes = require('seckill.base64url').decode_32_bytes
local hmac = require('seckill.hmac')
local get_secrets = require('seckill.ticket_keys').get

local is_signature = hmac.is_signature
local band, byte, find, match, sub = bit.band, string.byte, string.find, string.match, string.sub

local MAX_LENGTH = 512
local VERSION = '1.'
local KEY_START = 3
local EXPIRES_LENGTH, ULID_LENGTH, SIGNATURE_LENGTH = 10, 26, 43
local MIN_USER_LENGTH, MAX_USER_LENGTH = 2, 172
local DOT, HYPHEN, ZERO = byte('.'), byte('-'), byte('0')
local INVALID, EXPIRED, MISSING = 'TICKET_INVALID', 'TICKET_EXPIRED', 'TICKET_MISSING'

-- Which letters may stand where, as bits of a byte's class.
local ULID, BASE64URL = 1, 2
local class = ffi.new('unsigned char[256]')
for bits, letters in pairs({ [ULID] = '[0-9a-hjkmnp-tv-z]', [BASE64URL] = '[A-Za-z0-9_-]' }) do
  for letter = 0, 255 do
    if match(string.char(letter), letters) then class[letter] = class[letter] + bits end
  end
end

local signature = ffi.new('unsigned char[?]', hmac.digest_bytes)

local prepared, prepared_from = nil, nil

local _M = {}

-- The keys in the form that hmac.lua wants, by id; made again when the secrets are other ones.
local function keys()
  local secrets = get_secrets()
  if secrets ~= prepared_from then
    prepared = {}
    for id, secret in pairs(secrets) do prepared[id] = hmac.key(secret) end
    prepared_from = secrets
  end
  return prepared
end

-- Whether each letter from `first` to `last` is of the class.
local function all(text, first, last, wanted)
  for i = first, last do
    if band(class[byte(text, i)], wanted) == 0 then return false end
  end
  return true
end

-- The number that the digits from `first` to `last` make, nil when one of them is none.
local function decimal(text, first, last)
  local number = 0
  for i = first, last do
    local digit = byte(text, i) - ZERO
    if digit < 0 or digit > 9 then return nil end
    number = number * 10 + digit
  end
  return number
end

--- Checks the key's name, the signature, the shape, the sale, then the expiry.
-- @tparam ?string text the header's value
-- @tparam string sale_id of a known sale
-- @tparam number now_ms
-- @treturn ?string the user, as the ticket spells it (base64url); nil when the ticket is not good
-- @treturn ?string the problem code, when it is not
-- @treturn ?string the user, of a ticket that was good until it expired
-- @phases set
function _M.check(text, sale_id, now_ms)
  if not text or text == '' then return nil, MISSING end
  local length = #text
  if length > MAX_LENGTH then return nil, INVALID end
  -- 1.<key>.<expires>.<order>.<user>.<signature>: the signature's length is known, the other dots are looked for.
  local signed = length - SIGNATURE_LENGTH - 1
  local key_end = find(text, '.', KEY_START, true)
  local key = key_end and sub(text, 1, KEY_START - 1) == VERSION and keys()[sub(text, KEY_START, key_end - 1)]
  if not key or signed < key_end or byte(text, signed + 1) ~= DOT
    or not decode_32_bytes(text, signed + 2, signature)
    or not is_signature(key, text, signed, signature) then
    return nil, INVALID
  end

  -- Signed by us; now what it says.
  local expires_end = key_end + EXPIRES_LENGTH + 1
  local expires = decimal(text, key_end + 1, expires_end - 1)
  local order_end = find(text, '.', expires_end + 1, true) or length
  local ulid_start = order_end - ULID_LENGTH
  local user_start, user_length = order_end + 1, signed - order_end
  if not expires or byte(text, expires_end) ~= DOT
    or sub(text, expires_end + 1, ulid_start - 2) ~= sale_id or byte(text, ulid_start - 1) ~= HYPHEN
    or not all(text, ulid_start, order_end - 1, ULID)
    or user_length < MIN_USER_LENGTH or user_length > MAX_USER_LENGTH
    or not all(text, user_start, signed, BASE64URL) then
    return nil, INVALID
  end
  if expires * 1000 <= now_ms then return nil, EXPIRED, sub(text, user_start, signed) end
  return sub(text, user_start, signed)
end

return _M
