--- Slows down who tries answers: after 5 wrong ones to a challenge, or 20 of a user within 5 minutes, no further one is
-- looked at. The twin of gateway/tickets/wrong-answers.ts, over all workers of this edge: a count is one atomic incr on
-- a shared dictionary, and a window begins with a key's first count, whose time to live is its end.
-- Fails open: when the dictionary is full the oldest count goes, and a count that fails is not counted. The limits are
-- for fairness; a wrong answer gives no ticket without them either.
-- @module seckill.office.wrong_answers

local counts = ngx.shared.seckill_office_answers
local ceil, max = math.ceil, math.max

local PER_CHALLENGE, PER_USER = 5, 20
local WINDOW_SECONDS = 300 -- as long as a challenge lives
local TO_NEXT_CHALLENGE = 1 -- second; a new challenge can be had at once

-- Three keys a user: his name, there while any count is kept that is his, for the one look that most requests are;
-- and with an end that no name and no challenge has, his count and that of each of his challenges.
local OF_USER, OF_CHALLENGE = '\1', '\2'

local CHALLENGE_WORDS = 'There were too many wrong answers to this challenge: get a new one.'
local USER_WORDS = 'There were too many wrong answers: wait, then get a new challenge.'

local _M = {}

-- The seconds until a count of `limit` and more ends; nil of a lower one.
local function wait(key, limit)
  local count = counts:get(key)
  if not count or count < limit then return nil end
  local seconds = counts:ttl(key)
  return seconds and seconds > 0 and seconds or nil
end

--- Whether an answer may not be looked at.
-- @tparam string user
-- @tparam string challenge_id as it was sent
-- @treturn ?string why not, in the gateway's words; nil when it may be judged
-- @treturn ?number whole seconds to wait
-- @phases set, access
function _M.too_many(user, challenge_id)
  if not counts:get(user) then return nil end
  local seconds = wait(user .. OF_USER, PER_USER)
  if seconds then return USER_WORDS, max(1, ceil(seconds)) end
  if wait(challenge_id .. OF_CHALLENGE, PER_CHALLENGE) then return CHALLENGE_WORDS, TO_NEXT_CHALLENGE end
  return nil
end

--- Counts a wrong answer to a challenge that we gave: made-up ones would fill the memory.
-- @tparam string user
-- @tparam string challenge_id
-- @phases set, access, log
function _M.count(user, challenge_id)
  counts:set(user, true, WINDOW_SECONDS)
  counts:incr(user .. OF_USER, 1, 0, WINDOW_SECONDS)
  counts:incr(challenge_id .. OF_CHALLENGE, 1, 0, WINDOW_SECONDS)
end

return _M
