--- A ticket for the right answer to a challenge: the twin of `POST …/ticket` in gateway/tickets/issue.ts, behind its
-- sign-in.
-- The order id is derived from challenge and user (`derivedOrderId` in seckill-service/contract/order.ts), the ticket
-- signed with the first ticket key (`signTicket` in contract/ticket.ts). The answer is written into memory that is the
-- worker's own; nothing in here yields.
-- Fails closed: an answer that is not known to be right gives no ticket. What cannot be judged here for certain is
-- passed on to the gateway, once the limit of wrong answers has let it through.
-- @module seckill.office.ticket

local ffi = require('ffi')
local answers = require('seckill.office.answer')
local encode = require('seckill.base64url').encode_into
local hmac = require('seckill.hmac')
local is_done = require('seckill.office.work').is_done
local iso = require('seckill.iso_time').of
local request = require('seckill.office.request')
local read_challenge = require('seckill.office.challenge').read
local get_secrets = require('seckill.office.secrets').get
local signing_key = require('seckill.ticket_keys').signing
local wrong_answers = require('seckill.office.wrong_answers')

local digest = hmac.digest
local as_the_page, is_plain, read_body = request.as_the_page, request.is_plain, request.read
local normalise, is_accepted = answers.normalise, answers.is_accepted
local too_many, count = wrong_answers.too_many, wrong_answers.count
local band, rshift = bit.band, bit.rshift
local byte, find, gsub, tostring = string.byte, string.find, string.gsub, tostring
local cast, copy = ffi.cast, ffi.copy
local floor = math.floor

local FOREIGN = 'foreign'
local BODY_WORDS = 'The body needs "challengeId" and "answer", both text, as JSON in UTF-8.'
local WHY_NOT = {
  wrong = 'The answer is not right: try again, or get a new challenge.',
  foreign = 'The challenge was not given to you for this sale: get one of your own.',
  expired = 'The challenge has expired: get a new one.',
}

local DIGEST_BYTES = hmac.digest_bytes
local MAX_USER_BYTES = 128
local MAX_SUM = 999999 -- far above those that are asked; from 15 digits on, `tostring` is not JavaScript's String
local RANDOM_DIGITS, HALF_OF_TIME, TWO_25 = 16, 5, 2 ^ 25
local HYPHEN, DOT = byte('-.', 1, -1)
local DIGITS = 'abcdefghjkmnpqrstvwxyz'
local digit_of = ffi.new('unsigned char[32]', '0123456789' .. DIGITS) -- Crockford's base 32, lower case

local OPENING = '{"ticket":"'
local ORDER, EXPIRES, CLOSING = '","orderId":"', '","expiresAt":"', '"}'
-- All that stands before the user's 172 letters at most, the signature, the order id again, and what is around them.
local BODY_BYTES = 1024
local letters = ffi.typeof('const unsigned char *')
local body = ffi.new('unsigned char[?]', BODY_BYTES)
-- What the order id is derived from: JSON of a list of two texts.
local SEED_HEAD, SEED_MIDDLE, SEED_TAIL = 'order:["', '","', '"]'
local seed_text = ffi.new('unsigned char[?]', BODY_BYTES)
copy(seed_text, SEED_HEAD, #SEED_HEAD)

-- What all tickets of one second have in common, and the key that signs them.
local start, start_second, start_key = nil, nil, nil
local prepared, prepared_from = nil, nil

local _M = {}

local function put(to, at, text)
  copy(to + at, text, #text)
  return at + #text
end

-- Opens the body, up to the order id; returns where that begins, and the key.
local function open(expires_ms)
  local id, secret = signing_key()
  local second = floor(expires_ms / 1000)
  if second ~= start_second or id ~= start_key then
    start, start_second, start_key = OPENING .. '1.' .. id .. '.' .. second .. '.', second, id
  end
  if secret ~= prepared_from then prepared, prepared_from = hmac.key(secret), secret end
  return put(body, 0, start), prepared
end

-- Five digits of 25 bits.
local function put_half(at, bits)
  for place = HALF_OF_TIME - 1, 0, -1 do
    body[at + place] = digit_of[band(bits, 31)]
    bits = rshift(bits, 5)
  end
  return at + HALF_OF_TIME
end

-- A ULID: the time, then digits of `seed`, which come last to first, as ulid's encodeRandom draws them.
local function put_ulid(at, time_ms, seed)
  local high = floor(time_ms / TWO_25)
  at = put_half(at, high)
  at = put_half(at, time_ms - high * TWO_25)
  for place = 0, RANDOM_DIGITS - 1 do
    body[at + place] = digit_of[band(seed[RANDOM_DIGITS - 1 - place], 31)]
  end
  return at + RANDOM_DIGITS
end

-- The text that a JSON string of it holds: a user has no control characters.
local function escaped(user)
  if find(user, '"', 1, true) or find(user, '\\', 1, true) then return (gsub(user, '["\\]', '\\%0')) end
  return user
end

local function seed_of(key, challenge_id, user)
  local at = put(seed_text, #SEED_HEAD, challenge_id)
  at = put(seed_text, at, SEED_MIDDLE)
  at = put(seed_text, at, escaped(user))
  return digest(key, seed_text, put(seed_text, at, SEED_TAIL))
end

-- What `answer` returns of a ticket.
local function issue(secrets, sale, user, challenge_id, issued_ms, now_ms)
  local expires_ms = now_ms + secrets.ticket_ttl_ms
  local order_at, key = open(expires_ms)
  local seed = seed_of(secrets.challenge_key, challenge_id, user)
  local at = put(body, order_at, sale.id)
  body[at] = HYPHEN
  at = put_ulid(at + 1, issued_ms, seed)
  local order_length = at - order_at
  body[at] = DOT
  at = encode(cast(letters, user), #user, body, at + 1)
  local signature = digest(key, body + #OPENING, at - #OPENING)
  body[at] = DOT
  at = encode(signature, DIGEST_BYTES, body, at + 1)
  at = put(body, at, ORDER)
  copy(body + at, body + order_at, order_length)
  at = put(body, at + order_length, EXPIRES)
  at = put(body, at, iso(expires_ms))
  return body, nil, nil, put(body, at, CLOSING)
end

-- Whether an answer is right; nil when that is not known here.
local function judge(secrets, sale, user, id, answer, asked, first, second)
  if asked == 'none' then return true end
  if asked == 'pow' then return is_done(first, second, id, user, answer) end
  local normalised = normalise(answer)
  if not normalised then return nil end
  if asked == 'sum' then
    local sum = first + second
    if sum > MAX_SUM then return nil end
    return normalised == tostring(sum)
  end
  local question = sale.office and sale.office.questions[first + 1]
  if not question then return nil end
  return is_accepted(secrets.challenge_key, question, normalised)
end

--- Answers who wants a ticket.
-- @tparam table sale
-- @tparam string user as in `sub`
-- @param bytes memory: the request's body
-- @tparam number length of the body
-- @tparam number now_ms whole Unix ms
-- @return memory that holds the body of a 201 until the next call; nil of all else
-- @treturn ?string without a body: the problem code; nil when the gateway has to be asked
-- @treturn ?string what to change; when the gateway has to be asked, why, as metrics.office counts it
-- @return the body's length; or whole seconds to wait; or, when the gateway has to be asked, maybe the challenge to
-- which a wrong answer counts
-- @phases set, access
function _M.answer(sale, user, bytes, length, now_ms)
  local secrets = get_secrets()
  if not secrets then return nil, nil, 'passed_no_keys' end
  if #user > MAX_USER_BYTES then return nil, nil, 'passed_sign_in' end
  local asked, issued_ms, first, second
  local id, answer = as_the_page(bytes, length)
  if id then asked, issued_ms, first, second = read_challenge(id, sale, user, now_ms) end
  -- An id that we gave is plain text. Every other body is read as JSON.
  if not id or asked == FOREIGN or not is_plain(answer) then
    id, answer = read_body(bytes, length)
    if not id then
      if answer then return nil, answer, BODY_WORDS end
      return nil, nil, 'passed_body'
    end
    asked, issued_ms, first, second = read_challenge(id, sale, user, now_ms)
  end
  local words, seconds = too_many(user, id)
  if words then return nil, 'RATE_LIMITED', words, seconds end
  if WHY_NOT[asked] then return nil, 'WRONG_ANSWER', WHY_NOT[asked] end
  local is_right = judge(secrets, sale, user, id, answer, asked, first, second)
  if is_right then return issue(secrets, sale, user, id, issued_ms, now_ms) end
  if is_right == nil then return nil, nil, 'passed_answer', id end
  count(user, id)
  return nil, 'WRONG_ANSWER', WHY_NOT.wrong
end

return _M
