--- Whose request it is: the bearer's token (a JWT, RFC 7519), verified by the edge itself.
-- The twin of seckill-service/http/authenticate.ts, which has the rules; a test compares both. The edge says three
-- things: who the user is, that the token is missing, and that it is wrong (signed by another key, or expired).
-- Failure mode: what is not certain is for the gateway. That is another algorithm, a key that is not known or not the
-- only one, odd base64 or JSON, a header that asks for more than a signature, and claims that the sign-in has to mend.
-- @module seckill.office.session

local ffi = require('ffi')
local base64url = require('seckill.base64url')
local hmac = require('seckill.hmac')
local claims = require('seckill.office.claims')
local members = require('seckill.office.members')
local remembered = require('seckill.office.remembered')
local secrets = require('seckill.office.secrets')
local sign_in_keys = require('seckill.office.sign_in_keys')
local public_key = require('seckill.office.signature')

local decode = base64url.decode
local is_signature, is_right_by_key, find_verifier = hmac.is_signature, public_key.is_right, sign_in_keys.find
local find_remembered, remember, forget = remembered.find, remembered.remember, remembered.forget
local get_secrets, judge_claims = secrets.get, claims.judge
local has, read, text_of = members.has, members.read, members.text
local bor, byte, cast, find, sub = bit.bor, string.byte, ffi.cast, string.find, string.sub

local MISSING = 'Send the token of your sign-in: "Authorization: Bearer <token>".'
local INVALID = 'The token is not valid here: sign in again.'
local EXPIRED = claims.EXPIRED

local MAX_LENGTH = 7000 -- a longer header is passed on as if there were none (conf.d/maps.conf)
local MAX_HEADERS = 64
local SHARED = 'HS256' -- signed by our own secret; by a public key all else
local SHARED_LETTERS = 43
local MAX_SIGNATURE_LETTERS, MAX_SIGNATURE_BYTES = 1366, 1024 -- by an RSA key of 8192 bits
local SCHEME_LENGTH = 6
local SPACE, TILDE, LOWER_CASE = 0x20, 0x7e, 0x20

-- One of each for the worker: nothing here yields.
local letters = ffi.typeof('const unsigned char *')
local decoded = ffi.new('unsigned char[?]', MAX_LENGTH)
local signature = ffi.new('unsigned char[?]', MAX_SIGNATURE_BYTES)

-- The headers that were signed right, by their letters: a sign-in writes the same few. `alg`, and but for HS256 the
-- `verifier`.
local headers, header_count = {}, 0
local known_by = nil

local _M = {}

-- The number of the token's first letter; nil when the text does not begin with `bearer` and a space, in any case.
local function token_start(text)
  local b, e, a, r, f, s, space = byte(text, 1, SCHEME_LENGTH + 1)
  if space ~= SPACE or bor(b, LOWER_CASE) ~= 0x62 or bor(e, LOWER_CASE) ~= 0x65 or bor(a, LOWER_CASE) ~= 0x61
    or bor(r, LOWER_CASE) ~= 0x72 or bor(f, LOWER_CASE) ~= 0x65 or bor(s, LOWER_CASE) ~= 0x72 then
    return nil
  end
  local first = SCHEME_LENGTH + 2
  while byte(text, first) == SPACE do first = first + 1 end
  return first
end

-- Of a text that is odd at some place: whether the gateway sees a token in it at all, printable and without a space.
local function is_token(text, first, last)
  for i = first, last do
    local letter = byte(text, i)
    if letter <= SPACE or letter > TILDE then return false end
  end
  return true
end

-- What to say of a token that cannot be read.
local function unreadable(text, first, last)
  if is_token(text, first, last) then return nil, nil end
  return nil, MISSING
end

local function wrong(text, first, last)
  return nil, is_token(text, first, last) and INVALID or MISSING
end

-- The protected header: its `alg` and what verifies it; nil when it is odd, or no key is known for certain.
local function read_header(all, text, first, last)
  local length = decode(text, first, last, decoded)
  if not length or not read(decoded, length) or has('crit') or has('b64') then return nil end
  local alg, kid = text_of('alg'), text_of('kid')
  if alg == SHARED then return { alg = alg } end
  if not all.sign_in or not alg or has('kid') and not kid then return nil end
  local verifier = find_verifier(all.sign_in, alg, kid)
  return verifier and { alg = alg, verifier = verifier }
end

local function keep_header(text, header)
  if headers[text] then return end
  if header_count == MAX_HEADERS then
    headers, header_count = {}, 0
  end
  headers[text] = header
  header_count = header_count + 1
end

-- Whether the signature is right; nil when that is not certain.
local function verify(all, header, text, first, dot, last)
  local count, signed = last - dot, cast(letters, text) + first - 1
  if header.alg == SHARED then
    if count ~= SHARED_LETTERS or not decode(text, dot + 1, last, signature) then return nil end
    return is_signature(all.session_key, signed, dot - first, signature)
  end
  local length = count <= MAX_SIGNATURE_LETTERS and decode(text, dot + 1, last, signature)
  if not length then return nil end
  return is_right_by_key(header.verifier, signed, dot - first, signature, length)
end

-- A token of the letters from `first` to `last`, whose signature is looked at.
local function judge(text, first, last, now_ms, all)
  local header_end = find(text, '.', first, true)
  local dot = header_end and find(text, '.', header_end + 1, true)
  if not dot or dot > last then return unreadable(text, first, last) end
  local header_text = sub(text, first, header_end - 1)
  local header = headers[header_text] or read_header(all, text, first, header_end - 1)
  if not header then return unreadable(text, first, last) end
  local is_right = verify(all, header, text, first, dot, last)
  if is_right == nil then return unreadable(text, first, last) end
  if not is_right then return wrong(text, first, last) end
  keep_header(header_text, header)

  local length = decode(text, header_end + 1, dot - 1, decoded)
  if not length or not read(decoded, length) then return unreadable(text, first, last) end
  local issuer, audience
  if header.alg ~= SHARED then issuer, audience = all.sign_in.issuer, all.sign_in.audience end
  local user, detail, starts, ends = judge_claims(issuer, audience, now_ms)
  if user then remember(text, user, starts, ends) end
  return user, detail
end

--- The user of a request.
-- @tparam ?string authorization the header
-- @tparam number now_ms
-- @treturn ?string the user, as the token's `sub` spells it
-- @treturn ?string without a user: what is wrong, in the gateway's words; nil when the edge cannot judge
-- @phases set, access
function _M.user(authorization, now_ms)
  local all = get_secrets()
  if not all then return nil, nil end
  if not authorization or #authorization > MAX_LENGTH then return nil, MISSING end
  if all ~= known_by then
    forget()
    headers, header_count, known_by = {}, 0, all
  end
  local entry = find_remembered(authorization)
  if entry then
    local now = now_ms / 1000
    if entry.ends <= now then return nil, EXPIRED end
    if entry.starts > now then return nil, nil end
    return entry.user
  end
  local first, last = token_start(authorization), #authorization
  while byte(authorization, last) == SPACE do last = last - 1 end
  if not first or first > last then return nil, MISSING end
  return judge(authorization, first, last, now_ms, all)
end

return _M
