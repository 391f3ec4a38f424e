--- Proof of work: the twin of gateway/tickets/proof-of-work.ts.
-- An answer is one nonce a round, joined by commas; SHA-256 of `<challengeId>.<userId>.<round>.<nonce>` must begin with
-- so many zero bits. What all rounds have in common is hashed once, and its state copied for each round; nothing is
-- allocated.
-- Fails closed: what is no such list is no work.
-- @module seckill.office.work

local ffi = require('ffi')
local platform = require('seckill.platform')
require('seckill.hmac') -- it declares libcrypto's SHA-256

local crypto = platform.libcrypto('SHA256_Update')

local byte, char, match = string.byte, string.char, string.match
local cast, copy = ffi.cast, ffi.copy

local CONTEXT_BYTES = ffi.sizeof('SHA256_CTX')
local MAX_ROUNDS, MAX_BITS, MAX_NONCE = 100, 32, 8
local COMMA, DOT, ZERO = byte(','), byte('.'), byte('0')

local is_nonce = ffi.new('bool[256]')
for letter = 0, 255 do is_nonce[letter] = match(char(letter), '[0-9a-z]') ~= nil end

local bytes = ffi.typeof('const unsigned char *')
local shared, context = ffi.new('SHA256_CTX'), ffi.new('SHA256_CTX')
local digest = ffi.new('unsigned char[32]')
local tail = ffi.new('unsigned char[16]') -- <round>.<nonce>

local _M = {}

-- Writes `<round>.`; returns how many bytes that is.
local function write_round(round)
  local at = 0
  if round >= 10 then
    tail[0] = ZERO + (round - round % 10) / 10
    at = 1
  end
  tail[at] = ZERO + round % 10
  tail[at + 1] = DOT
  return at + 2
end

--- Whether an answer is the work that a challenge of this user asks for.
-- @tparam number rounds
-- @tparam number bits zero bits of each round
-- @tparam string challenge_id
-- @tparam string user
-- @tparam string answer
-- @treturn boolean
-- @phases any
function _M.is_done(rounds, bits, challenge_id, user, answer)
  if rounds > MAX_ROUNDS or bits > MAX_BITS then return false end
  crypto.SHA256_Init(shared)
  crypto.SHA256_Update(shared, challenge_id, #challenge_id)
  crypto.SHA256_Update(shared, '.', 1)
  crypto.SHA256_Update(shared, user, #user)
  crypto.SHA256_Update(shared, '.', 1)
  local below = 2 ^ (MAX_BITS - bits)
  local text, length, at = cast(bytes, answer), #answer, 0
  for round = 0, rounds - 1 do
    if round > 0 then
      if at >= length or text[at] ~= COMMA then return false end
      at = at + 1
    end
    local first, written = at, write_round(round)
    while at < length and at - first < MAX_NONCE and is_nonce[text[at]] do
      tail[written] = text[at]
      written = written + 1
      at = at + 1
    end
    if at == first then return false end
    copy(context, shared, CONTEXT_BYTES)
    crypto.SHA256_Update(context, tail, written)
    crypto.SHA256_Final(digest, context)
    if ((digest[0] * 256 + digest[1]) * 256 + digest[2]) * 256 + digest[3] >= below then return false end
  end
  return at == length
end

return _M
