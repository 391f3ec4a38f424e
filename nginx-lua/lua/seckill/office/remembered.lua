--- The tokens that were judged right, so that a shopper's next request costs no signature. A worker has its own.
-- Two generations: a token is put into the younger one, and when that is full the older one is forgotten. So both
-- together hold 4 to 8 MB of tokens (of 500 bytes: 5,000 to 10,000). With what waits for the garbage collector that
-- is 18 MB a worker at most, measured with 60,000 tokens of 300 to 1,900 bytes.
-- resty.lrucache bounds their number, not their bytes, and keeps no time from which a token is good.
-- Wrong tokens are not remembered: a forger would fill it.
-- @module seckill.office.remembered

local new_table = require('table.new')

local MAX_LENGTH = 2048
local GENERATION_BYTES = 4 * 1024 * 1024
-- What a token takes beside its letters and its user's: their two headers, a table of three fields, a place in the map.
local OVERHEAD_BYTES = 280

local _M = {}

local younger, older, bytes = {}, {}, 0

local function put(text, entry)
  bytes = bytes + #text + #entry.user + OVERHEAD_BYTES
  if bytes > GENERATION_BYTES then
    younger, older, bytes = {}, younger, 0
  end
  younger[text] = entry
end

--- What is remembered of a token.
-- @tparam string text
-- @treturn ?table user, starts and ends (Unix seconds, leeway included)
-- @phases any
function _M.find(text)
  local entry = younger[text]
  if entry then return entry end
  entry = older[text]
  if entry then put(text, entry) end
  return entry
end

--- @phases any
function _M.remember(text, user, starts, ends)
  if #text > MAX_LENGTH then return end
  local entry = new_table(0, 3)
  entry.user, entry.starts, entry.ends = user, starts, ends
  put(text, entry)
end

--- Forgets all: who signs tokens is another one now.
-- @phases any
function _M.forget()
  younger, older, bytes = {}, {}, 0
end

return _M
