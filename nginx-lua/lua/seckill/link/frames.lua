--- The frames of a link, as seckill-service/contract/purchase-frames.ts describes them; a test compares the two.
-- @module seckill.link.frames

local ffi = require('ffi')

local band, bor, lshift, rshift = bit.band, bit.bor, bit.lshift, bit.rshift
local cast, copy, text_of = ffi.cast, ffi.copy, ffi.string

local bytes_pointer = ffi.typeof('const unsigned char *')

local PURCHASE, ANSWER, PONG, LEAVE = 0x50, 0x41, 0x21, 0x4c
local BARE_HEAD, PURCHASE_HEAD, ANSWER_HEAD = 3, 11, 13
local MAX_BYTES = 2048

local _M = {
  MAX_BYTES = MAX_BYTES,
  PING = '\0\3?',
  GREETING = 'GET /purchases HTTP/1.1\r\nHost: edge\r\nConnection: Upgrade\r\nUpgrade: seckill-purchases/1\r\n\r\n',
}

local function put_16(to, at, value)
  to[at], to[at + 1] = rshift(value, 8), band(value, 0xff)
end

--- Writes a purchase. The edge's own limits keep each part within its length and the whole within MAX_BYTES
-- (limits.conf, filters/ticket.lua, maps.conf).
-- @param to memory with room for MAX_BYTES
-- @tparam number number names the purchase until it is answered
-- @tparam string sale_id
-- @tparam string ticket
-- @tparam string request_id
-- @param body a string, or memory
-- @tparam number body_length in bytes
-- @treturn number how many bytes the frame has
-- @phases content
function _M.write_purchase(to, number, sale_id, ticket, request_id, body, body_length)
  local sale_length, ticket_length, id_length = #sale_id, #ticket, #request_id
  local ticket_at = PURCHASE_HEAD + sale_length
  local id_at = ticket_at + ticket_length
  local body_at = id_at + id_length
  local length = body_at + body_length
  put_16(to, 0, length)
  to[2] = PURCHASE
  put_16(to, 3, rshift(number, 16))
  put_16(to, 5, band(number, 0xffff))
  to[7] = sale_length
  put_16(to, 8, ticket_length)
  to[10] = id_length
  copy(to + PURCHASE_HEAD, sale_id, sale_length)
  copy(to + ticket_at, ticket, ticket_length)
  copy(to + id_at, request_id, id_length)
  copy(to + body_at, body, body_length)
  return length
end

--- Of a frame that this module wrote.
-- @treturn number its length
-- @treturn ?number the number of its purchase; nil when it is no purchase
-- @phases timer
function _M.written(from)
  local length = bor(lshift(from[0], 8), from[1])
  if from[2] ~= PURCHASE then return length, nil end
  return length, bor(lshift(from[3], 24), lshift(from[4], 16), lshift(from[5], 8), from[6])
end

--- Reads what a service sent.
-- @tparam string text
-- @param link whom it came from
-- @tparam table heard `answer(link, number, status, is_problem, retry_after, location, body)`, which returns false when
-- that no purchase has, and `leave(link)`
-- @treturn ?number how many bytes were whole frames; nil when something is none
-- @phases timer
function _M.read(text, link, heard)
  local bytes, size, at = cast(bytes_pointer, text), #text, 0
  while size - at >= BARE_HEAD do
    local frame = bytes + at
    local length, kind = bor(lshift(frame[0], 8), frame[1]), frame[2]
    if length < BARE_HEAD or length > MAX_BYTES then return nil end
    if size - at < length then break end
    if kind == ANSWER and length >= ANSWER_HEAD then
      local number = bor(lshift(frame[3], 24), lshift(frame[4], 16), lshift(frame[5], 8), frame[6])
      local status, retry_after = bor(lshift(frame[7], 8), frame[8]), bor(lshift(frame[10], 8), frame[11])
      local location_length = frame[12]
      local body_length = length - ANSWER_HEAD - location_length
      if body_length < 0 then return nil end
      local location = location_length > 0 and text_of(frame + ANSWER_HEAD, location_length) or nil
      local body = text_of(frame + ANSWER_HEAD + location_length, body_length)
      if not heard.answer(link, number, status, frame[9] == 1, retry_after, location, body) then return nil end
    elseif kind == LEAVE then
      heard.leave(link)
    elseif kind ~= PONG then
      return nil
    end
    at = at + length
  end
  return at
end

return _M
