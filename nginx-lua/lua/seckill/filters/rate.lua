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
local SERVER = 's:' -- makes keys of 6, 9, 10 and 18 bytes: no address, network or site has them

local _M = {}

--- @tparam string user as the ticket spells it
-- @treturn ?number nil when the user may pass, else whole seconds to wait
-- @phases set
function _M.user(user)
  return take(users, user, get_limits().user)
end

-- What an address is counted as. An IPv6 client has 2^64 addresses to itself, one network (/64), and may have 256
-- networks, one site (/56): each of the two has a budget. Returns the key of 4, 8 or 16 bytes, and that of the site, of
-- 7, where there is one: they do not meet.
local function counted_as(address)
  if #address ~= 16 then return address end
  local start = sub(address, 1, 12)
  if start == MAPPED or start == NAT64 then return sub(address, 13) end
  local network = sub(address, 1, 8)
  if network == NO_NETWORK then return address end
  return network, sub(address, 1, 7)
end

--- Servers come from few addresses, each with the work of many shoppers, and have a budget of their own.
-- @tparam string address binary, 4 or 16 bytes
-- @treturn ?number nil when the server may pass, else whole seconds to wait
-- @phases access
function _M.server(address)
  local key, site = counted_as(address)
  local limits = get_limits()
  local seconds = take(addresses, SERVER .. key, limits.server)
  if seconds or not site then return seconds end
  return take(addresses, SERVER .. site, limits.server_site)
end

--- The same address counts as one, however it is written; maps in conf.d/limits.conf do this for connections.
-- @tparam string address binary, 4 or 16 bytes
-- @treturn ?number nil when the address may pass, else whole seconds to wait
-- @phases set, access
function _M.address(address)
  local key, site = counted_as(address)
  local limits = get_limits()
  local seconds = take(addresses, key, limits.address)
  if seconds or not site then return seconds end
  return take(addresses, site, limits.site)
end

return _M
