--- Filters 5 and 6: does this user, and this address, come at a fair rate?
-- GCRA (the generic cell rate algorithm, ITU-T I.371) on atomic `incr`. A key holds its theoretical arrival time, TAT,
-- in Unix ms. A request pushes it `interval` on with one atomic incr and is refused, and its push taken back, when TAT
-- is then more than `burst` intervals ahead of now. A TAT in the past means "nothing owed", and so does an absent key:
-- the key expires when its TAT comes, and the next incr starts at now. Nothing is read first and written after, so
-- racing workers cannot both take the last token.
--
-- Fails open: when the dictionary is full the oldest key goes, and a failing incr lets the request pass, because the
-- limit is for fairness and the stock is safe without it. Its other failures are mild: two workers racing on one key
-- may let it expire one interval early (one request too many); a refused request that is just being taken back may
-- refuse a neighbour; expiry counts whole ms, so up to 1 ms worth of requests is forgiven.
-- Counters: seckill_edge_requests_total{check="user_rate"} and {check="address_rate"}
-- @module seckill.filters.rate

local limits = require('seckill.limits')

local users, addresses = ngx.shared.seckill_users, ngx.shared.seckill_addresses
local ngx_now = ngx.now
local ceil, max = math.ceil, math.max
local sub = string.sub

-- IPv4 as IPv6 (::ffff:…) and the loopback are addresses of their own.
local NO_NETWORK = ('\0'):rep(8)

local _M = {}

--- One request of one key.
-- @tparam table dict a shared dictionary of its own
-- @tparam string key
-- @tparam table rate interval and tolerance in ms, first_ttl in seconds (limits.lua)
-- @treturn ?number nil when it may pass, else whole seconds to wait
-- @phases set, access
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

local take, get_limits = _M.take, limits.get

--- @tparam string user as the ticket spells it
-- @treturn ?number nil when the user may pass, else whole seconds to wait
-- @phases set, access
function _M.user(user)
  return take(users, user, get_limits().user)
end

--- An IPv6 client has 2^64 addresses to itself, one network: that is what is counted.
-- @tparam string address binary, 4 or 16 bytes
-- @treturn ?number nil when the address may pass, else whole seconds to wait
-- @phases set, access
function _M.address(address)
  if #address == 16 then
    local network = sub(address, 1, 8)
    if network ~= NO_NETWORK then address = network end
  end
  return take(addresses, address, get_limits().address)
end

return _M
