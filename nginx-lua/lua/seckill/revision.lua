--- One number in shared memory that grows whenever something that workers keep copies of has changed: a sale, a limit.
-- A worker looks at it once a request; a module compares `current` with the number that its copy was made at.
-- Who changes something writes it first and calls `bump` after, so no worker keeps an old copy under a new number.
-- The dictionary counts, so no two changes have one number; the shared number is for the looking.
-- @module seckill.revision

local named = require('seckill.shared_number').named

local marks = ngx.shared.seckill_marks
local shared = named('revision_at')

local _M = { current = 0 }

--- Reads the number; the request's one look into shared memory before it is refused or passed.
-- @phases set, access, content, log, timer
function _M.look()
  local now = shared[0]
  _M.current = now
  return now
end

--- @phases init, timer
function _M.bump()
  shared[0] = marks:incr('revision', 1, 0)
end

return _M
