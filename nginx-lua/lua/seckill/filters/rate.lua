--- Filters 6 and 7: does this user, and this address, come at a fair rate?
-- By GCRA (gcra.lua). Fails open: the limit is for fairness, and the stock is safe without it.
-- Counters: seckill_edge_requests_total{check="user_rate"} and {check="address_rate"}
-- @module seckill.filters.rate

local take = require('seckill.gcra').take
local get_limits = require('seckill.limits').get

local users, addresses = ngx.shared.seckill_users, ngx.shared.seckill_addresses
local sub = string.sub

-- What an address of IPv6 that carries one of IPv4 begins with: RFC 4291, 2.5.5.2, and RFC 6052, 2.1.
local MAPPED = ('\0'):rep(10) .. '\255\255'
local NAT64 = '\0\100\255\155' .. ('\0'):rep(8)
-- The loopback and what else has no network are addresses of their own.
local NO_NETWORK = ('\0'):rep(8)
local SERVER = 's' -- makes keys of 5 and 17 bytes: no address has them

local _M = {}

--- @tparam string user as the ticket spells it
-- @treturn ?number nil when the user may pass, else whole seconds to wait
-- @phases set
function _M.user(user)
  return take(users, user, get_limits().user)
end

--- Servers come from few addresses, each with the work of many shoppers, and have a budget of their own.
-- @tparam string address binary, 4 or 16 bytes
-- @treturn ?number nil when the server may pass, else whole seconds to wait
-- @phases access
function _M.server(address)
  return take(addresses, SERVER .. address, get_limits().server)
end

-- An IPv6 client has 2^64 addresses to itself, one network (/64), and may have 256 networks, one site (/56): each of
-- the two has a budget. Keys of 4, 7, 8 and 16 bytes do not meet.
local function ipv6(address)
  local start = sub(address, 1, 12)
  local limits = get_limits()
  if start == MAPPED or start == NAT64 then return take(addresses, sub(address, 13), limits.address) end
  local network = sub(address, 1, 8)
  if network == NO_NETWORK then return take(addresses, address, limits.address) end
  return take(addresses, network, limits.address) or take(addresses, sub(address, 1, 7), limits.site)
end

--- The same address counts as one, however it is written; maps in conf.d/limits.conf do this for connections.
-- @tparam string address binary, 4 or 16 bytes
-- @treturn ?number nil when the address may pass, else whole seconds to wait
-- @phases set, access
function _M.address(address)
  if #address == 16 then return ipv6(address) end
  return take(addresses, address, get_limits().address)
end

return _M
