--- One number in shared memory that grows whenever something that workers keep copies of has changed: a sale, a limit.
-- A worker looks at it once a request; a module compares `current` with the number that its copy was made at.
-- Who changes something writes it first and calls `bump` after, so no worker keeps an old copy under a new number.
-- @module seckill.revision

local marks = ngx.shared.seckill_marks

local _M = { current = 0 }

--- Reads the number; the request's one look into shared memory before it is refused or passed.
-- @phases set, access, content, log, timer
function _M.look()
  _M.current = marks:get('revision') or 0
  return _M.current
end

--- @phases init, timer
function _M.bump()
  marks:incr('revision', 1, 0)
end

return _M
