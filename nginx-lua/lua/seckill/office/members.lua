--- The members of a JSON object, found in memory: of a token's header and payload, and of a ticket's request.
-- Strictly JSON (RFC 8259) in UTF-8, as JavaScript's JSON.parse behind a fatal decoder takes it: of two members of one
-- name the last one counts. cjson is laxer (bytes that are not UTF-8, control characters, what stands behind a NUL,
-- `1.`), and it wants a Lua string. LuaJIT's hash looks at 16 bytes of one: payloads of one sign-in are alike in
-- those, and looking for one among the thousands that wait for the garbage collector takes up to 50 microseconds.
-- Failure mode: what is no object, nested deeper than 8, or has a name with an escape in it, is not read.
-- @module seckill.office.members

local ffi = require('ffi')
local cjson = require('cjson')

local MAX_DEPTH = 8
local SPACE, QUOTE, PLUS, COMMA, MINUS, DOT, ZERO, NINE = 0x20, 0x22, 0x2b, 0x2c, 0x2d, 0x2e, 0x30, 0x39
local COLON, OPEN_LIST, BACKSLASH, CLOSE_LIST, E, U, OPEN, CLOSE = 0x3a, 0x5b, 0x5c, 0x5d, 0x65, 0x75, 0x7b, 0x7d
local LOWER_CASE = 0x20

-- What a member is. Of an escaped text and of a list cjson makes the value.
local NONE, TEXT, ESCAPED, NUMBER, LIST, OTHER = 0, 1, 2, 3, 4, 5

local bor, byte, char, fill, to_text = bit.bor, string.byte, string.char, ffi.fill, ffi.string
local ipairs, pcall, tonumber, type = ipairs, pcall, tonumber, type

local parser = cjson.new()
parser.decode_invalid_numbers(false)
parser.decode_max_depth(MAX_DEPTH)
local parse = parser.decode

-- The members that are of interest, by their names' length and first letters.
local NAMES = { 'alg', 'kid', 'b64', 'crit', 'sub', 'exp', 'nbf', 'iss', 'aud', 'challengeId', 'answer' }
local FIRST_LETTERS = 3
local place_of, place_of_number = {}, {}
for place, name in ipairs(NAMES) do
  local number = #name
  for i = 1, FIRST_LETTERS do number = number * 256 + byte(name, i) end
  place_of[name], place_of_number[number] = place, place
end

-- What letters may follow a backslash, and which are hexadecimal digits.
local is_escape, is_hex = ffi.new('bool[256]'), ffi.new('bool[256]')
for letter = 0, 255 do
  is_escape[letter] = ('"\\/bfnrt'):find(char(letter), 1, true) ~= nil
  is_hex[letter] = char(letter):find('^%x$') ~= nil
end

-- The text that was read last, and where in it the members' values stand. One for the worker: nothing here yields.
local bytes
local kinds, starts, ends = ffi.new('int[12]'), ffi.new('int[12]'), ffi.new('int[12]') -- by place, from 1 on

local _M = {}

local function is_digit(letter)
  return letter >= ZERO and letter <= NINE
end

local function continues(letter)
  return letter >= 0x80 and letter < 0xc0
end

-- Each of these takes the place where something begins, and returns the one behind it; nil when there is no such thing.
-- Behind the whole text stands a NUL, which is part of nothing.

local function skip_space(i)
  local letter = bytes[i]
  while letter == SPACE or letter == 0x0a or letter == 0x0d or letter == 0x09 do
    i = i + 1
    letter = bytes[i]
  end
  return i
end

-- A character beyond ASCII (RFC 3629, section 4).
local function skip_character(i)
  local first, second = bytes[i], bytes[i + 1]
  if not continues(second) or first < 0xc2 or first > 0xf4 then return nil end
  if first < 0xe0 then return i + 2 end
  if not continues(bytes[i + 2]) then return nil end
  if first < 0xf0 then
    if first == 0xe0 and second < 0xa0 or first == 0xed and second >= 0xa0 then return nil end
    return i + 3
  end
  if first == 0xf0 and second < 0x90 or first == 0xf4 and second >= 0x90 then return nil end
  return continues(bytes[i + 3]) and i + 4 or nil
end

local function skip_escape(i)
  local letter = bytes[i + 1]
  if is_escape[letter] then return i + 2 end
  local is_unit = letter == U and is_hex[bytes[i + 2]] and is_hex[bytes[i + 3]] and is_hex[bytes[i + 4]]
    and is_hex[bytes[i + 5]]
  return is_unit and i + 6 or nil
end

-- From its first quotation mark on; and which kind of text it is.
local function skip_text(i)
  local kind = TEXT
  i = i + 1
  while i do
    local letter = bytes[i]
    if letter == QUOTE then return i + 1, kind end
    if letter < SPACE then return nil end
    if letter == BACKSLASH then
      kind, i = ESCAPED, skip_escape(i)
    elseif letter < 0x80 then
      i = i + 1
    else
      i = skip_character(i)
    end
  end
  return nil
end

local function skip_digits(i)
  if not is_digit(bytes[i]) then return nil end
  repeat i = i + 1 until not is_digit(bytes[i])
  return i
end

local function skip_number(i)
  if bytes[i] == MINUS then i = i + 1 end
  if bytes[i] == ZERO then i = i + 1 else i = skip_digits(i) end
  if i and bytes[i] == DOT then i = skip_digits(i + 1) end
  if i and bor(bytes[i], LOWER_CASE) == E then
    local sign = bytes[i + 1]
    i = skip_digits((sign == PLUS or sign == MINUS) and i + 2 or i + 1)
  end
  return i
end

local function skip_word(i, word)
  for at = 1, #word do
    if bytes[i + at - 1] ~= byte(word, at) then return nil end
  end
  return i + #word
end

local skip_value

local function skip_list(i, depth)
  i = skip_space(i + 1)
  if bytes[i] == CLOSE_LIST then return i + 1 end
  while true do
    i = skip_value(i, depth)
    if not i then return nil end
    i = skip_space(i)
    if bytes[i] == CLOSE_LIST then return i + 1 end
    if bytes[i] ~= COMMA then return nil end
    i = skip_space(i + 1)
  end
end

-- A name, and what stands before its value; and which kind of text the name is.
local function skip_name(i)
  if bytes[i] ~= QUOTE then return nil end
  local behind, kind = skip_text(i)
  if not behind then return nil end
  i = skip_space(behind)
  if bytes[i] ~= COLON then return nil end
  return skip_space(i + 1), kind, behind
end

-- The place of a name of interest, whose quotation marks are at `first` and before `behind`.
local function find_place(first, behind)
  local number = behind - first - 2
  if number < FIRST_LETTERS then return nil end
  for i = first + 1, first + FIRST_LETTERS do number = number * 256 + bytes[i] end
  local place = place_of_number[number]
  return place and skip_word(first + 1, NAMES[place]) and place
end

local function skip_object(i, depth)
  i = skip_space(i + 1)
  if bytes[i] == CLOSE then return i + 1 end
  while true do
    local value, name_kind, behind = skip_name(i)
    if not value then return nil end
    local place
    if depth == 1 then
      if name_kind == ESCAPED then return nil end
      place = find_place(i, behind)
    end
    local kind
    i, kind = skip_value(value, depth)
    if not i then return nil end
    if place then kinds[place], starts[place], ends[place] = kind, value, i end
    i = skip_space(i)
    if bytes[i] == CLOSE then return i + 1 end
    if bytes[i] ~= COMMA then return nil end
    i = skip_space(i + 1)
  end
end

-- `depth`: in how many lists and objects it stands.
function skip_value(i, depth)
  local letter = bytes[i]
  if letter == QUOTE then return skip_text(i) end
  if letter == MINUS or is_digit(letter) then return skip_number(i), NUMBER end
  if letter == OPEN or letter == OPEN_LIST then
    if depth == MAX_DEPTH then return nil end
    if letter == OPEN then return skip_object(i, depth + 1), OTHER end
    return skip_list(i, depth + 1), LIST
  end
  return skip_word(i, 'true') or skip_word(i, 'false') or skip_word(i, 'null'), OTHER
end

--- Reads a text; what the functions below say is of the one that was read last.
-- @param text memory with one byte more than the text has, which this function writes; it is kept until the next call
-- @tparam number length of the text
-- @treturn boolean false when it is no object, or an odd one
-- @phases any
function _M.read(text, length)
  bytes = text
  bytes[length] = 0
  fill(kinds, ffi.sizeof(kinds))
  local i = skip_space(0)
  if bytes[i] ~= OPEN then return false end
  i = skip_object(i, 1)
  return i ~= nil and skip_space(i) == length
end

--- Whether a member is there, of any kind.
-- @tparam string name
-- @phases any
function _M.has(name)
  return kinds[place_of[name]] ~= NONE
end

local function parse_value(place)
  local parsed, list = pcall(parse, '[' .. to_text(bytes + starts[place], ends[place] - starts[place]) .. ']')
  return parsed and list[1] or nil
end

--- A member that is a text.
-- @treturn ?string nil when it is none, or holds half a surrogate pair
-- @phases any
function _M.text(name)
  local place = place_of[name]
  local kind = kinds[place]
  if kind == TEXT then return to_text(bytes + starts[place] + 1, ends[place] - starts[place] - 2) end
  return kind == ESCAPED and parse_value(place) or nil
end

--- A member that is a number, as it is written.
-- @treturn ?string
-- @phases any
function _M.number_text(name)
  local place = place_of[name]
  if kinds[place] ~= NUMBER then return nil end
  return to_text(bytes + starts[place], ends[place] - starts[place])
end

local number_text = _M.number_text

--- A member that is a finite number.
-- @treturn ?number
-- @phases any
function _M.number(name)
  local number = tonumber(number_text(name))
  return number and number - number == 0 and number or nil
end

--- Whether a member is a text, or a list that holds it.
-- @tparam string name
-- @tparam string text
-- @phases any
function _M.holds(name, text)
  local place = place_of[name]
  if kinds[place] ~= LIST then return _M.text(name) == text end
  local list = parse_value(place)
  if type(list) ~= 'table' then return false end
  for i = 1, #list do
    if list[i] == text then return true end
  end
  return false
end

return _M
