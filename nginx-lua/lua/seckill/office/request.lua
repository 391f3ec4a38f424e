--- What a shopper sends for a ticket: the body, and the two texts in it.
-- The twin of seckill-service/http/read-json-body.ts and ticketRequestSchema in seckill-service/contract/challenge.ts.
-- `{"challengeId":"…","answer":"…"}`, as the page sends it, is taken apart where it lies. The same in another spelling
-- (spaces, order, escapes, more members, a number for an answer) is copied and read by members.lua.
-- Fails open to the gateway: what is not known here for certain (no JSON, a name with an escape, half a surrogate pair,
-- a fraction, a byte order mark, a member of another kind) is neither read nor refused.
-- @module seckill.office.request

local ffi = require('ffi')
local body = require('seckill.filters.body')
local members = require('seckill.office.members')

ffi.cdef([[
  int memcmp(const void *a, const void *b, size_t length);
  void *memchr(const void *bytes, int letter, size_t length);
]])

local ngx = ngx
local C, cast, copy, text_of = ffi.C, ffi.cast, ffi.copy, ffi.string
local req, var = ngx.req, ngx.var
local byte, lower, match = string.byte, string.lower, string.match
local from_header = body.from_header
local has, member_text, number_text, read_members = members.has, members.text, members.number_text, members.read

local HEAD, MIDDLE, TAIL = '{"challengeId":"', '","answer":"', '"}'
local MAX_ID, MAX_ANSWER = 256, 200 -- code points, as zod counts
local MAX_NUMBER_BYTES = 15 -- of which each whole number is written as it came
local MAX_BODY = 4096 -- client_max_body_size (conf.d/limits.conf)
local BAD, UNCLEAR = 'BAD_REQUEST', nil
local HTTP_1_1, JSON = 'HTTP/1.1', 'application/json'
local CHALLENGE_ID, ANSWER = 'challengeId', 'answer'

local QUOTE, BACKSLASH, OPEN = byte('"\\{', 1, -1)
local FIRST_OF_BOM = 0xef

-- What a byte is inside a string of JSON.
local ENDS, PLAIN, OTHER = 0, 1, 2
local kind = ffi.new('unsigned char[256]')
for letter = 0x20, 0x7f do kind[letter] = PLAIN end
for letter = 0x80, 0xff do kind[letter] = OTHER end
kind[QUOTE], kind[BACKSLASH] = ENDS, ENDS

local letters = ffi.typeof('const unsigned char *')
local copied = ffi.new('unsigned char[?]', MAX_BODY + 1)

local _M = {}

--- The body, when it came with the header.
-- @return memory; nil when it has to be waited for
-- @treturn ?number how many bytes it is
-- @phases set
function _M.body()
  -- Over HTTP/2 what lies behind the header is another frame.
  if var.server_protocol ~= HTTP_1_1 then return nil end
  return from_header(var.content_length)
end

-- Held while its memory is looked at.
local awaited = nil

--- The body, when it was waited for.
-- @return memory, good until the next call
-- @treturn number how many bytes it is
-- @phases access
function _M.awaited_body()
  awaited = req.get_body_data() or ''
  return cast(letters, awaited), #awaited
end

--- Whether the body says that it is JSON: the twin of `isJsonType` in seckill-service/contract/json-body.ts, of what
-- the gateway is told (`$seckill_content_type`).
-- @treturn boolean
-- @phases set, access
function _M.is_json()
  local told = var.http_content_type
  if told == JSON then return true end
  if not told then return false end
  local known = var.seckill_content_type
  return known ~= '' and lower(match(known, '^ *([^;]-) *$') or match(known, '^ *([^;]-) *;')) == JSON
end

-- How many code points a text has from `first` to `last`; nil when that is no UTF-8 (RFC 3629, section 4).
local function code_points(text, first, last)
  local count, at = 0, first
  while at <= last do
    local letter = byte(text, at)
    if letter < 0x80 then
      at = at + 1
    else
      local size, least, most = 2, 0x80, 0xbf
      if letter >= 0xe0 then
        size = letter < 0xf0 and 3 or 4
        if letter == 0xe0 then least = 0xa0 elseif letter == 0xed then most = 0x9f end
        if letter == 0xf0 then least = 0x90 elseif letter == 0xf4 then most = 0x8f end
      end
      if letter < 0xc2 or letter > 0xf4 or at + size - 1 > last then return nil end
      local second = byte(text, at + 1)
      if second < least or second > most then return nil end
      for i = at + 2, at + size - 1 do
        local following = byte(text, i)
        if following < 0x80 or following > 0xbf then return nil end
      end
      at = at + size
    end
    count = count + 1
  end
  return count
end

-- Where the string whose first byte is at `at` stops being plain text: its end, an escape, or what may not stand in it;
-- and whether all of it was ASCII.
local function plain_end(text, at)
  local is_ascii, letter = true, byte(text, at)
  while letter and kind[letter] ~= ENDS do
    if kind[letter] == OTHER then is_ascii = false end
    at = at + 1
    letter = byte(text, at)
  end
  return at, is_ascii
end

--- Takes a body apart that is spelled as the page spells it. What the two texts hold is not looked at: they mean what
-- they say only when both are plain, which `is_plain` tells of an answer.
-- @param bytes memory
-- @tparam number length
-- @treturn ?string the challenge's id; nil when it is another spelling
-- @treturn ?string the answer
-- @phases any
function _M.as_the_page(bytes, length)
  local room = length - #HEAD - #MIDDLE - #TAIL
  if room < 0 or C.memcmp(bytes, HEAD, #HEAD) ~= 0 or C.memcmp(bytes + length - #TAIL, TAIL, #TAIL) ~= 0 then
    return nil
  end
  local id = bytes + #HEAD
  local id_end = cast(letters, C.memchr(id, QUOTE, room + 1))
  if id_end == nil or C.memcmp(id_end, MIDDLE, #MIDDLE) ~= 0 then return nil end
  local id_length, answer = id_end - id, id_end + #MIDDLE
  return text_of(id, id_length), text_of(answer, room - id_length)
end

--- Whether an answer, as it stands in JSON, is well-formed, short enough, and means what it says.
-- @tparam string answer
-- @treturn boolean
-- @phases any
function _M.is_plain(answer)
  local length = #answer
  local stop, is_ascii = plain_end(answer, 1)
  if stop <= length then return false end
  local count = is_ascii and length or code_points(answer, 1, length)
  return count ~= nil and count <= MAX_ANSWER
end

-- The first byte that is no white space.
local function first_letter(text)
  local at, letter = 1, byte(text, 1)
  while letter == 0x20 or letter == 0x0a or letter == 0x0d or letter == 0x09 do
    at = at + 1
    letter = byte(text, at)
  end
  return letter
end

-- A member that is a whole number, as JavaScript would write it; nil of other numbers.
local function whole_number(name)
  local digits = number_text(name)
  if not digits or #digits > MAX_NUMBER_BYTES then return nil end
  return match(digits, '^%-?[1-9]%d*$') or match(digits, '^0$')
end

--- Reads a body in any spelling.
-- @param bytes memory
-- @tparam number length
-- @treturn ?string the challenge's id, as it was sent; nil when it cannot be read
-- @treturn ?string the answer, well-formed UTF-8; without an id BAD_REQUEST, or nil: then the gateway has to read it
-- @phases any
function _M.read(bytes, length)
  local text = text_of(bytes, length)
  if not code_points(text, 1, #text) then return nil, BAD end
  local letter = first_letter(text)
  if letter == FIRST_OF_BOM or length > MAX_BODY then return nil, UNCLEAR end
  if letter ~= OPEN then return nil, BAD end -- no JSON, or no object
  copy(copied, text, length)
  if not read_members(copied, length) then return nil, UNCLEAR end
  if not has(CHALLENGE_ID) or not has(ANSWER) or number_text(CHALLENGE_ID) then return nil, BAD end
  local id, answer = member_text(CHALLENGE_ID), member_text(ANSWER) or whole_number(ANSWER)
  if not id or not answer then return nil, UNCLEAR end
  if code_points(id, 1, #id) > MAX_ID or code_points(answer, 1, #answer) > MAX_ANSWER then return nil, BAD end
  return id, answer
end

return _M
