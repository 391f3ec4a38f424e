--- What the claims of a token say whose signature is right.
-- The twin of judgeClaims in seckill-service/http/claims.ts, which has the rules and the words; a test compares both.
-- Failure mode: what the sign-in has to mend, and a user of other letters than those that are judged here, is for the
-- gateway: it knows the whole of Unicode, and tells the operators.
-- @module seckill.office.claims

local members = require('seckill.office.members')

local has, holds, number_of, text_of = members.has, members.holds, members.number, members.text
local byte = string.byte

local LEEWAY_SECONDS = 5
local MAX_USER_BYTES = 128
local SPACE, TILDE = 0x20, 0x7e
local EXPIRED = 'The token has expired: sign in again.'

local _M = { EXPIRED = EXPIRED }

-- Whether a text is printable ASCII and CJK ideographs (U+4E00 to U+9FFF), and not only spaces. It is UTF-8.
local function is_plain_user(text)
  local length = #text
  if length == 0 or length > MAX_USER_BYTES then return false end
  local i, is_seen = 1, false
  while i <= length do
    local letter = byte(text, i)
    if letter >= SPACE and letter <= TILDE then
      is_seen = is_seen or letter > SPACE
      i = i + 1
    elseif letter >= 0xe4 and letter <= 0xe9 and (letter > 0xe4 or byte(text, i + 1) >= 0xb8) then
      is_seen = true
      i = i + 3
    else
      return false
    end
  end
  return is_seen
end

--- Judges the claims that members.lua has read.
-- @tparam ?string issuer the one that is expected; nil: any
-- @tparam ?string audience likewise
-- @tparam number now_ms
-- @treturn ?string the user; nil when there is none
-- @treturn ?string why not, when it is certain: the gateway's words
-- @treturn ?number from when the token is good, and until when: Unix seconds, of a user
-- @phases any
function _M.judge(issuer, audience, now_ms)
  local now, exp = now_ms / 1000, number_of('exp')
  if not exp then return nil end
  local ends, starts = exp + LEEWAY_SECONDS, 0
  if ends <= now then return nil, EXPIRED end
  if has('nbf') then
    local nbf = number_of('nbf')
    if not nbf then return nil end
    starts = nbf - LEEWAY_SECONDS
    if starts > now then return nil end
  end
  if issuer and text_of('iss') ~= issuer or audience and not holds('aud', audience) then return nil end
  local user = text_of('sub')
  if not user or not is_plain_user(user) then return nil end
  return user, nil, starts, ends
end

return _M
