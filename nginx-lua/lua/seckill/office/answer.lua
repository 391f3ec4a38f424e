--- An answer as it is compared, and whether it is a right one.
-- The twin of `normaliseAnswer` in seckill-service/contract/sale-quiz.ts (Unicode NFKC, lower case, no spaces, no marks
-- around it), for the letters of which that is known for certain: one becomes one, whatever stands beside it. They are
-- ASCII, its full-width forms, Latin-1, basic Cyrillic, kana, Chinese ideographs, Hangul syllables and the punctuation
-- of these; a test compares every one. A letter that joins with its neighbour (a combining mark, a half-width voiced
-- kana, a jamo) is none of them.
-- What it cannot know it does not judge: an answer with any other letter goes to the gateway.
-- @module seckill.office.answer

local ffi = require('ffi')
local platform = require('seckill.platform')
local sign = require('seckill.hmac').sign -- it declares CRYPTO_memcmp

local crypto = platform.libcrypto('CRYPTO_memcmp')

local byte, find, gsub, ipairs = string.byte, string.find, string.gsub, ipairs
local band, bor, rshift = bit.band, bit.bor, bit.rshift

local MAX_BYTES = 600 -- 200 letters have no more, those above U+FFFF apart: they are not known
local SEALED_LETTERS = 22
local UNKNOWN, SPACE = 0, 0x20
local TO_LOWER, FULL_WIDTH = 0x20, 0xfee0

-- What a letter becomes: UNKNOWN, SPACE (which is left out), or another letter. 128 KB, which the workers share.
local becomes = ffi.new('unsigned short[65536]')

local function fill(first, last, shift)
  for letter = first, last do becomes[letter] = letter + shift end
end

fill(0x21, 0x7e, 0)
fill(0x41, 0x5a, TO_LOWER)
for _, range in ipairs({
  { 0xa1, 0xa7 }, { 0xa9, 0xa9 }, { 0xab, 0xae }, { 0xb0, 0xb1 }, { 0xb6, 0xb7 }, { 0xbb, 0xbb }, { 0xbf, 0xbf },
  { 0xd7, 0xd7 }, { 0xdf, 0xff }, -- Latin-1
  { 0x430, 0x45f }, -- Cyrillic
  { 0x2010, 0x2010 }, { 0x2012, 0x2016 }, { 0x2018, 0x2022 }, -- dashes and quotation marks
  { 0x3001, 0x3029 }, -- CJK punctuation
  { 0x3041, 0x3096 }, { 0x309d, 0x309e }, { 0x30a0, 0x30fe }, -- kana
  { 0x3400, 0x4dbf }, { 0x4e00, 0x9fff }, -- ideographs
  { 0xac00, 0xd7a3 }, -- Hangul syllables
}) do fill(range[1], range[2], 0) end
fill(0xc0, 0xd6, TO_LOWER)
fill(0xd8, 0xde, TO_LOWER)
fill(0x400, 0x40f, 0x50)
fill(0x410, 0x42f, TO_LOWER)
fill(0xff01, 0xff5e, -FULL_WIDTH)
fill(0xff21, 0xff3a, TO_LOWER - FULL_WIDTH)
for _, space in ipairs({ 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x20, 0xa0, 0x3000 }) do becomes[space] = SPACE end

-- What does not count at the two ends: "'“”‘’「」『』().,。、!?;:
local MARKS = {}
for _, mark in ipairs({
  0x22, 0x27, 0x201c, 0x201d, 0x2018, 0x2019, 0x300c, 0x300d, 0x300e, 0x300f, 0x28, 0x29, 0x2e, 0x2c, 0x3002, 0x3001,
  0x21, 0x3f, 0x3b, 0x3a,
}) do MARKS[mark] = true end

local buffer = ffi.new('unsigned char[?]', MAX_BYTES)

local _M = {}

--- An answer as it is compared.
-- @tparam string text well-formed UTF-8
-- @treturn ?string nil when a letter of it is not known
-- @phases any
function _M.normalise(text)
  local length = #text
  if length > MAX_BYTES then return nil end
  -- `kept`: up to the last letter that is no mark.
  local at, written, kept = 1, 0, 0
  while at <= length do
    local letter = byte(text, at)
    if letter < 0x80 then
      at = at + 1
    elseif letter < 0xe0 then
      letter = bor((letter - 0xc0) * 0x40, band(byte(text, at + 1), 0x3f))
      at = at + 2
    elseif letter < 0xf0 then
      local second, third = byte(text, at + 1, at + 2)
      letter = bor((letter - 0xe0) * 0x1000, band(second, 0x3f) * 0x40, band(third, 0x3f))
      at = at + 3
    else
      return nil
    end
    letter = becomes[letter]
    if letter == UNKNOWN then return nil end
    local is_mark = MARKS[letter]
    if letter ~= SPACE and not (is_mark and written == 0) then
      if letter < 0x80 then
        buffer[written] = letter
        written = written + 1
      elseif letter < 0x800 then
        buffer[written] = bor(0xc0, rshift(letter, 6))
        buffer[written + 1] = bor(0x80, band(letter, 0x3f))
        written = written + 2
      else
        buffer[written] = bor(0xe0, rshift(letter, 12))
        buffer[written + 1] = bor(0x80, band(rshift(letter, 6), 0x3f))
        buffer[written + 2] = bor(0x80, band(letter, 0x3f))
        written = written + 3
      end
      if not is_mark then kept = written end
    end
  end
  return ffi.string(buffer, kept)
end

-- As JSON.stringify writes it: what is known has no control characters.
local function json_of(text)
  if find(text, '"', 1, true) or find(text, '\\', 1, true) then text = gsub(text, '["\\]', '\\%0') end
  return '"' .. text .. '"'
end

--- Whether a sealed question takes this answer: the twin of `isAccepted` in gateway/tickets/quiz.ts. Each of its sealed
-- answers is looked at: how long it takes does not tell which.
-- @tparam table key of the challenges, made by `hmac.key`
-- @tparam table question of the sale's office
-- @tparam string normalised
-- @treturn boolean
-- @phases set, access
function _M.is_accepted(key, question, normalised)
  local given = sign(key, question.seal .. json_of(normalised) .. ']')
  local matches = 0
  for _, sealed in ipairs(question.sealedAnswers) do
    if #sealed == SEALED_LETTERS and crypto.CRYPTO_memcmp(sealed, given, SEALED_LETTERS) == 0 then
      matches = matches + 1
    end
  end
  return matches > 0
end

return _M
