--- The purchases of this worker that wait for an answer over a link. Each has a number, which it gives back when it has
-- its answer, or when none can come any more: an answer that comes too late finds no other purchase under its number.
-- @module seckill.link.waiting

local semaphore = require('ngx.semaphore')

-- By number: what its request waits at, which link owes it an answer (nil: none), and the answer.
local semaphores, owed_by, statuses, answers = {}, {}, {}, {}
local given_up = {}
local free, free_count, count = {}, 0, 0

local _M = {}

local function release(number)
  owed_by[number], given_up[number] = nil, nil
  free_count = free_count + 1
  free[free_count] = number
end

--- A number for a purchase that a link is about to be asked.
-- @phases content
function _M.enter(link)
  local number
  if free_count > 0 then
    number = free[free_count]
    free_count = free_count - 1
  else
    number = count + 1
    semaphores[number], answers[number] = semaphore.new(), {}
    count = number
  end
  owed_by[number], statuses[number] = link, nil
  return number
end

--- Waits for the answer.
-- @tparam number number
-- @tparam number seconds
-- @treturn ?number status; nil when there is no answer
-- @treturn table the answer: is_problem, retry_after, location, body; good until the request waits for something
-- @treturn boolean whether the time was over
-- @phases content
function _M.wait(number, seconds)
  if not semaphores[number]:wait(seconds) then
    if owed_by[number] then
      given_up[number] = true -- its link still owes it
      return nil, nil, true
    end
    semaphores[number]:wait(0) -- it came in this very moment
  end
  local status = statuses[number]
  release(number)
  return status, answers[number], false
end

--- Takes an answer.
-- @treturn boolean false when this link was not asked that
-- @phases timer
function _M.answered(link, number, status, is_problem, retry_after, location, body)
  if owed_by[number] ~= link then return false end
  owed_by[number] = nil
  if given_up[number] then
    release(number)
    return true
  end
  local answer = answers[number]
  answer.is_problem, answer.retry_after, answer.location, answer.body = is_problem, retry_after, location, body
  statuses[number] = status
  semaphores[number]:post(1)
  return true
end

--- Whether its request still waits.
-- @phases timer
function _M.is_awaited(number)
  return not given_up[number]
end

--- Another link is asked instead.
-- @phases timer
function _M.move(number, link)
  owed_by[number] = link
end

--- Tells all who wait for this link that no answer will come.
-- @phases timer
function _M.give_up(link)
  for number = 1, count do
    if owed_by[number] == link then
      owed_by[number] = nil
      if given_up[number] then release(number) else semaphores[number]:post(1) end
    end
  end
end

return _M
