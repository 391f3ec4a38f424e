--- GCRA, the generic cell rate algorithm (ITU-T I.371), on a shared dictionary's atomic `incr`.
-- A key holds its theoretical arrival time, TAT, in Unix ms. A request pushes it `interval` on with one atomic incr and
-- is refused, and its push taken back, when TAT is then more than `burst` intervals ahead of now. A TAT in the past
-- means "nothing owed", and so does an absent key: the key expires when its TAT comes, and the next incr starts at now.
-- Nothing is read first and written after, so racing workers cannot both take the last token.
--
-- Fails open: when the dictionary is full the oldest key goes, and a failing incr lets the request pass. Its other
-- failures are mild: two workers racing on one key may let it expire one interval early (one request too many); a
-- refused request that is just being taken back may refuse a neighbour; expiry counts whole ms, so up to 1 ms worth of
-- requests is forgiven.
-- @module seckill.gcra

local ngx_now = ngx.now
local ceil, max = math.ceil, math.max

local _M = {}

--- A rate as `take` needs it.
-- @tparam number per_second requests
-- @tparam number burst requests at once
-- @treturn table interval and tolerance in ms, first_ttl in seconds
-- @phases any
function _M.rate(per_second, burst)
  local interval = 1000 / per_second
  return {
    interval = interval,
    -- Half an interval of slack: arrival times are doubles, their sums are not exact.
    tolerance = burst * interval + interval / 2,
    first_ttl = max(1, ceil(interval)) / 1000,
  }
end

--- One request of one key.
-- @tparam table dict a shared dictionary of its own
-- @tparam string key
-- @tparam table rate what `rate` made
-- @treturn ?number nil when it may pass, else whole seconds to wait
-- @phases any
function _M.take(dict, key, rate)
  local interval, now = rate.interval, ngx_now() * 1000
  local tat = dict:incr(key, interval, now, rate.first_ttl)
  if not tat then return nil end
  local ahead = tat - now
  if ahead > rate.tolerance then
    dict:incr(key, -interval)
    return max(1, ceil((ahead - rate.tolerance) / 1000))
  end
  -- A zero would mean "for ever".
  if ahead > interval then dict:expire(key, max(1, ceil(ahead)) / 1000) end
  return nil
end

return _M
