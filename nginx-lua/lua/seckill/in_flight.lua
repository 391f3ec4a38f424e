--- How many purchases are with the service at this moment, and the cap on them.
-- The count is the worker's own, its cap a worker's share of the whole: no lock, and a worker that dies takes its count
-- with it, where a shared counter would stay too high for ever. Failure modes: a worker with more than its share of
-- connections says BUSY before the whole cap is reached; during a reload old and new workers each have theirs.
-- @module seckill.in_flight

local floor, max = math.floor, math.max

local count, cap = 0, 1

local _M = {}

--- @phases init
function _M.init(total, workers)
  cap = max(1, floor(total / workers))
end

--- Takes a place; false when there is none. Whoever got one gives it back by `leave`, once.
-- @phases access
function _M.enter()
  if count >= cap then return false end
  count = count + 1
  return true
end

--- @phases log
function _M.leave()
  count = count - 1
end

--- @phases any
function _M.count()
  return count
end

return _M
