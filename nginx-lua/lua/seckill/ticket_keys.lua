--- The ticket keys, the same in every worker: from the file at the start, then from the agent, which reads the same
-- file again and again (`seckill keys rotate` changes it). They lie in shared memory and are never written anywhere.
-- A worker keeps them parsed until the revision moves: reading them costs a request nothing.
-- @module seckill.ticket_keys

local revision = require('seckill.revision')

local marks = ngx.shared.seckill_marks
local match = string.match
local error = error

local STORED = 'ticket_keys'
local PROBLEM = 'the ticket keys must be id:secret pairs, id of a-z and 0-9, secret of at least 32 characters'

local _M = {}

local keys, ids = {}, {}
local made_from, made_at = nil, nil

-- Secret by id, and the ids in order; nil when it is not what parseTicketKeys of the contract takes.
local function parse(text)
  local by_id, in_order = {}, {}
  for pair in (text .. ','):gmatch('([^,]*),') do
    local id, secret = match(pair, '^%s*([a-z0-9]+):(.-)%s*$')
    if not id or #id > 16 or #secret < 32 or by_id[id] then return nil end
    by_id[id] = secret
    in_order[#in_order + 1] = id
  end
  return by_id, in_order
end

--- Takes the text of the file; raises when it is wrong, so that nginx does not start. After a reload the file counts
-- until the agent speaks again.
-- @tparam string text `id:secret[,id:secret]`
-- @phases init
function _M.init(text)
  if not parse(text) then error(PROBLEM) end
  marks:set(STORED, text)
  revision.bump()
end

--- Takes what the agent says; a text that is wrong changes nothing.
-- @tparam string text
-- @treturn ?string the problem
-- @phases timer
function _M.apply(text)
  if not parse(text) then return PROBLEM end
  marks:set(STORED, text)
  revision.bump()
  return nil
end

local function refresh()
  if made_at == revision.current then return end
  local text = marks:get(STORED)
  if text ~= made_from then
    keys, ids = parse(text)
    made_from = text
  end
  made_at = revision.current
end

--- The secrets, by key id. The caller has called `revision.look` in its request.
-- @phases set
function _M.get()
  refresh()
  return keys
end

--- The key that signs. The caller has called `revision.look` in its request.
-- @treturn string its id
-- @treturn string its secret
-- @phases set, access
function _M.signing()
  refresh()
  return ids[1], keys[ids[1]]
end

--- The ids, the signing one first.
-- @phases timer
function _M.ids()
  revision.look()
  refresh()
  return ids
end

return _M
