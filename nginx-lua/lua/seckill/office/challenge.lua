--- Challenges, given and read: the twin of gateway/tickets/challenge.ts, where the id is described; a test has each of
-- the two read what the other gave.
-- A challenge is written, as the answer's body, into memory that is the worker's own. Nothing in here yields, so no
-- other request writes into it meanwhile.
-- Fails closed: an id that cannot be verified is foreign. Without the secrets, or without what the sale asks, there is
-- no challenge and no verdict here, and the gateway is asked.
-- @module seckill.office.challenge

local ffi = require('ffi')
local base64url = require('seckill.base64url')
local digest = require('seckill.hmac').digest -- it declares CRYPTO_memcmp
local iso = require('seckill.iso_time').of
local platform = require('seckill.platform')
local pressure = require('seckill.office.pressure')
local random = require('seckill.random')
local get_secrets = require('seckill.office.secrets').get

local encode_into, is_base64url = base64url.encode_into, base64url.is_text
local crypto = platform.libcrypto('CRYPTO_memcmp')
local byte, find, sub = string.byte, string.find, string.sub
local cast, copy = ffi.cast, ffi.copy
local ceil, floor, max, type = math.ceil, math.floor, math.max, type
local below, random_bytes = random.below, random.bytes
local bits_for, ROUNDS = pressure.bits, pressure.rounds

local LIFETIME_MS = 300000
local NONCE_BYTES, NONCE_LENGTH, SIGNATURE_LENGTH = 6, 8, 43
local DIGEST_BYTES = 32
local MAX_ID, MAX_USER = 256, 128
local DOT, HYPHEN, ZERO, NINE, A, Z = byte('.-09az', 1, -1)
local DIGITS = '0123456789abcdefghijklmnopqrstuvwxyz'
local LOWER_S, LOWER_Q, LOWER_P, LOWER_N = byte('sqpn', 1, -1)

local HEAD, TAIL = '{"challengeId":"', '"}'
local SIGNED_HEAD = 'challenge:'
-- An id, what stands around it, and a question of up to 160 characters in three places, six bytes each at most.
local BODY_BYTES, MAX_QUESTION = 4096, 3000

local body = ffi.new('unsigned char[?]', BODY_BYTES)
local signed = ffi.new('unsigned char[?]', #SIGNED_HEAD + MAX_ID + 1 + MAX_USER)
local nonce = ffi.new('unsigned char[?]', NONCE_BYTES)
local expected = ffi.new('unsigned char[?]', SIGNATURE_LENGTH)
local letters = ffi.typeof('const unsigned char *')
copy(body, HEAD, #HEAD)
copy(signed, SIGNED_HEAD, #SIGNED_HEAD)

-- What stands between the id and the time at which it expires; the id's own name for it.
local BEFORE, AFTER = '","kind":"', ',"expiresAt":"'
local QUIZ = BEFORE .. 'quiz",'
local NOTHING = BEFORE .. 'none","question":"","questions":{"en":""}' .. AFTER
local LEAST, MOST = 2, 19
local SUMS = (MOST - LEAST + 1) ^ 2
local sum_names, sum_questions = {}, {}
for a = LEAST, MOST do
  for b = LEAST, MOST do
    local en, zh = 'What is ' .. a .. ' + ' .. b .. '?', a .. ' + ' .. b .. ' 等于多少？'
    sum_names[#sum_names + 1] = 's-' .. a .. '-' .. b
    sum_questions[#sum_questions + 1] = QUIZ .. '"question":"' .. en .. '","questions":{"en":"' .. en .. '","zh":"'
      .. zh .. '"}' .. AFTER
  end
end
-- By bits.
local work_names, work_questions, work_ends = {}, {}, {}
for bits = pressure.calm_bits, pressure.hardest_bits do
  local en = 'Find ' .. ROUNDS .. [[ nonces, \"n0,n1,…\", so that SHA-256(\"<challengeId>.<userId>.<round>.<nonce>\")]]
    .. ' of each begins with ' .. bits .. ' zero bits.'
  work_names[bits] = 'p-' .. ROUNDS .. '-' .. bits
  work_questions[bits] = BEFORE .. 'pow","question":"' .. en .. '","questions":{"en":"' .. en .. '"}' .. AFTER
  work_ends[bits] = '","work":{"rounds":' .. ROUNDS .. ',"bits":' .. bits .. '}}'
end

-- What all challenges of one millisecond have in common.
local told_ms, issued, expires = nil, nil, nil

local _M = {}

local function base36(number)
  local text = ''
  repeat
    local digit = number % 36
    text = sub(DIGITS, digit + 1, digit + 1) .. text
    number = floor(number / 36)
  until number == 0
  return text
end

-- A time, by its last four digits, two and two, and what stands before them, which is another one every half hour.
local two_digits = {}
for number = 0, 36 ^ 2 - 1 do two_digits[number] = sub('0' .. base36(number), -2) end
local head, head_of = nil, nil

local function time_of(ms)
  local before = floor(ms / 36 ^ 4)
  if before ~= head_of then head, head_of = base36(before), before end
  local after = ms - before * 36 ^ 4
  local upper = floor(after / 36 ^ 2)
  return head .. two_digits[upper] .. two_digits[after - upper * 36 ^ 2]
end

local function tell(now_ms)
  if now_ms == told_ms then return end
  issued, expires, told_ms = time_of(now_ms), iso(now_ms + LIFETIME_MS), now_ms
end

local function put(to, at, text)
  copy(to + at, text, #text)
  return at + #text
end

-- Signs the first `length` bytes of `signed` for a user: appends him, and writes the signature's letters to `to`.
local function sign(key, length, user, to, at)
  signed[length] = DOT
  return encode_into(digest(key, signed, put(signed, length + 1, user)), DIGEST_BYTES, to, at)
end

local function write(sale, user, key, now_ms, name, question, ending)
  tell(now_ms)
  local at = put(signed, #SIGNED_HEAD, sale.id)
  signed[at] = DOT
  at = put(signed, at + 1, name)
  signed[at] = DOT
  at = put(signed, at + 1, issued)
  signed[at] = DOT
  random_bytes(nonce, NONCE_BYTES)
  at = encode_into(nonce, NONCE_BYTES, signed, at + 1)

  local length = at - #SIGNED_HEAD
  copy(body + #HEAD, signed + #SIGNED_HEAD, length)
  body[#HEAD + length] = DOT
  local to = sign(key, at, user, body, #HEAD + length + 1)
  to = put(body, to, question)
  to = put(body, to, expires)
  to = put(body, to, ending)
  return body, to
end

--- Whether it is too early for this sale's challenge: before its lead its questions cannot be collected.
-- @tparam table sale with its `office`
-- @tparam number now_ms Unix ms
-- @treturn ?number whole seconds until it is given; nil when it is
-- @treturn ?string what to tell
-- @phases set
function _M.too_early(sale, now_ms)
  local lead_ms = sale.office.leadMs
  if type(lead_ms) ~= 'number' then return nil end -- JSON's null
  local from_ms = sale.opensAtMs - lead_ms
  if from_ms <= now_ms then return nil end
  return max(1, ceil((from_ms - now_ms) / 1000)), 'The challenge of this sale is given from ' .. iso(from_ms) .. ' on.'
end

--- A challenge for this user alone, as `GET …/challenge` answers it.
-- @tparam table sale
-- @tparam string user as in `sub`, at most 128 bytes
-- @tparam number now_ms whole Unix ms
-- @return memory that holds the body until the next call; nil when the gateway has to be asked
-- @return the body's length in bytes; or why, as metrics.office counts it
-- @phases set
function _M.create(sale, user, now_ms)
  local secrets, office = get_secrets(), sale.office
  if not secrets then return nil, 'passed_no_keys' end
  local kind = office and office.kind
  local key = secrets.challenge_key
  if kind == 'quiz' then
    local count = #office.questions
    if count == 0 then
      local drawn = below(SUMS) + 1
      return write(sale, user, key, now_ms, sum_names[drawn], sum_questions[drawn], TAIL)
    end
    local drawn = below(count)
    local question = office.questions[drawn + 1].json
    if #question > MAX_QUESTION then return nil, 'passed_sale' end
    return write(sale, user, key, now_ms, 'q-' .. drawn, QUIZ .. question .. AFTER, TAIL)
  end
  if kind == 'pow' then
    local bits = bits_for(user, now_ms, secrets.calm_per_second)
    return write(sale, user, key, now_ms, work_names[bits], work_questions[bits], work_ends[bits])
  end
  if kind == 'none' then return write(sale, user, key, now_ms, 'n', NOTHING, TAIL) end
  return nil, 'passed_sale'
end

-- The number that the digits from `first` on make, and where they end; nil when there is none.
local function digits(text, first)
  local number, at = 0, first
  local digit = byte(text, at)
  while digit and digit >= ZERO and digit <= NINE do
    number, at = number * 10 + digit - ZERO, at + 1
    digit = byte(text, at)
  end
  if at == first then return nil end
  return number, at
end

-- What was asked, as it stands from `first` on, and its two numbers; nil unless it ends right before `stop`.
local function asked(text, first, stop)
  local name = byte(text, first)
  if name == LOWER_N and first + 1 == stop then return 'none' end
  if byte(text, first + 1) ~= HYPHEN then return nil end
  local a, at = digits(text, first + 2)
  if not a then return nil end
  if name == LOWER_Q then
    if at == stop then return 'quiz', a end
    return nil
  end
  if byte(text, at) ~= HYPHEN then return nil end
  local b
  b, at = digits(text, at + 1)
  if not b or at ~= stop then return nil end
  if name == LOWER_S then return 'sum', a, b end
  if name == LOWER_P then return 'pow', a, b end
  return nil
end

-- The number in base 36 that stands from `first` up to `last`; nil when a letter is none of its digits.
local function number_of(text, first, last)
  local number = 0
  for at = first, last do
    local letter = byte(text, at)
    if letter >= ZERO and letter <= NINE then
      number = number * 36 + letter - ZERO
    elseif letter >= A and letter <= Z then
      number = number * 36 + letter - A + 10
    else
      return nil
    end
  end
  return number
end

--- Reads an id that a client sent back: whether it was given to this user for this sale, what was asked, and when. The
-- signature is compared as text: several spellings of its last letter are the same bytes, and each would be an order
-- of its own.
-- @tparam string id of any length
-- @tparam table sale
-- @tparam string user as in `sub`, at most 128 bytes
-- @tparam number now_ms Unix ms
-- @treturn ?string `foreign`; `expired`; or what was asked: `sum` (with its two numbers), `quiz` (with the question's
-- place, from 0), `pow` (with rounds and bits), `none`; nil without the secrets
-- @treturn ?number issued, Unix ms; of what was asked
-- @treturn ?number the first number
-- @treturn ?number the second number
-- @phases set, access
function _M.read(id, sale, user, now_ms)
  local secrets = get_secrets()
  if not secrets then return nil end
  local length = #id
  -- <saleId>.<what was asked>.<issued>.<nonce>.<signature>, from behind: those lengths are known.
  local signature_at = length - SIGNATURE_LENGTH + 1
  local nonce_at = signature_at - 1 - NONCE_LENGTH
  local asked_at = #sale.id + 2
  if length > MAX_ID or nonce_at <= asked_at or sub(id, 1, asked_at - 2) ~= sale.id then return 'foreign' end

  copy(signed + #SIGNED_HEAD, id, signature_at - 2)
  sign(secrets.challenge_key, #SIGNED_HEAD + signature_at - 2, user, expected, 0)
  if crypto.CRYPTO_memcmp(expected, cast(letters, id) + signature_at - 1, SIGNATURE_LENGTH) ~= 0 then
    return 'foreign'
  end

  -- Signed by us; now what it says.
  local issued_at = (find(id, '.', asked_at, true) or nonce_at) + 1
  local issued_length = nonce_at - 1 - issued_at
  if issued_length ~= 8 and issued_length ~= 9 then return 'foreign' end
  local issued_ms = number_of(id, issued_at, nonce_at - 2)
  local what, first, second = asked(id, asked_at, issued_at - 1)
  if not what or not issued_ms or byte(id, asked_at - 1) ~= DOT or byte(id, nonce_at - 1) ~= DOT
    or byte(id, signature_at - 1) ~= DOT or not is_base64url(id, nonce_at, signature_at - 2) then
    return 'foreign'
  end
  if issued_ms + LIFETIME_MS <= now_ms then return 'expired' end
  return what, issued_ms, first, second
end

return _M
