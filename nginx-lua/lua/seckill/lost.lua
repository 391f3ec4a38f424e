--- Where no page is: an address that means one is redirected to it, every other gets 404.
-- People type and share addresses with a slash at the end or in capitals; ids have neither.
-- @module seckill.lost

local header, exit, redirect, var = ngx.header, ngx.exit, ngx.redirect, ngx.var
local lower, match = string.lower, string.match

local PERMANENT, NOT_FOUND = 308, 404

local _M = {}

--- The path of the page that was meant: of a sale, an order or the orders, if it is spelled in another way; else nil.
-- @tparam string path as nginx reads it
-- @phases any
function _M.meant(path)
  local low = lower(path)
  local meant = match(low, '^(/sales/[a-z0-9-]+)/*$')
    or match(low, '^(/orders/[a-z0-9-]+)/*$')
    or match(low, '^(/orders)/*$')
  return meant ~= path and meant or nil
end

--- Every path outside of /api that no page has.
-- @phases content
function _M.page()
  local path = _M.meant(var.uri)
  if not path then return exit(NOT_FOUND) end
  local args = var.args
  header['Cache-Control'] = 'no-store' -- a CDN's key has no query, and the address that is sent has
  return redirect(args and path .. '?' .. args or path, PERMANENT)
end

return _M
