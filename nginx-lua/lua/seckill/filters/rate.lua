--- Filters 6 and 7: does this user, and this address, come at a fair rate?
-- By GCRA (gcra.lua). Fails open: the limit is for fairness, and the stock is safe without it.
-- Counters: seckill_edge_requests_total{check="user_rate"} and {check="address_rate"}
-- @module seckill.filters.rate

local take = require('seckill.gcra').take
local get_limits = require('seckill.limits').get

local users, addresses = ngx.shared.seckill_users, ngx.shared.seckill_addresses
local sub = string.sub

-- IPv4 as IPv6 (::ffff:…) and the loopback are addresses of their own.
local NO_NETWORK = ('\0'):rep(8)

local _M = {}

--- @tparam string user as the ticket spells it
-- @treturn ?number nil when the user may pass, else whole seconds to wait
-- @phases set
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
