--- Rate limits by user and by address: GCRA (the generic cell rate algorithm, ITU-T I.371) on atomic `incr`.
-- A key holds its theoretical arrival time, TAT, in Unix ms. A request pushes it `interval` on with one atomic incr and
-- is refused, and its push taken back, when TAT is then more than `burst` intervals ahead of now. A TAT in the past
-- means "nothing owed", and so does an absent key: the key expires when its TAT comes, and the next incr starts at now.
-- Nothing is read first and written after, so racing workers cannot both take the last token.
--
-- Failure modes, all mild: two workers racing on one key may let it expire one interval early (one request too many); a
-- refused request that is just being taken back may refuse a neighbour; expiry counts whole ms, so up to 1 ms worth of
-- requests is forgiven. When the dictionary is full the oldest key goes, and a failing incr lets the request pass: the
-- limit is for fairness, the stock is safe without it.
-- @module seckill.rate_limit

local ngx_now = ngx.now
local ceil, max = math.ceil, math.max

local _M = {}

--- One limiter.
-- @tparam table dict a shared dictionary of its own
-- @tparam number per_second
-- @tparam number burst requests that may come at once
-- @treturn function key -> nil when it may pass, else whole seconds to wait
-- @phases init
function _M.new(dict, per_second, burst)
  local interval = 1000 / per_second
  -- Half an interval of slack: TATs are doubles, their sums are not exact.
  local tolerance = burst * interval + interval / 2
  local first_ttl = max(1, ceil(interval)) / 1000

  return function(key)
    local now = ngx_now() * 1000
    local tat = dict:incr(key, interval, now, first_ttl)
    if not tat then return nil end
    local ahead = tat - now
    if ahead > tolerance then
      dict:incr(key, -interval)
      return max(1, ceil((ahead - tolerance) / 1000))
    end
    -- A zero would mean "for ever".
    if ahead > interval then dict:expire(key, max(1, ceil(ahead)) / 1000) end
    return nil
  end
end

--- @phases init
function _M.init(limits)
  _M.user = _M.new(ngx.shared.seckill_users, limits.user_per_second, limits.user_burst)
  _M.address = _M.new(ngx.shared.seckill_addresses, limits.address_per_second, limits.address_burst)
end

return _M
