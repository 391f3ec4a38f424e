--- Filter 4: does the body claim to be JSON?
-- Fails closed: no claim, no entry. A form that another site makes a browser send cannot claim it.
-- Counter: seckill_edge_requests_total{check="content_type"}
-- @module seckill.filters.content_type

local lower, match = string.lower, string.match

local JSON = 'application/json'

local _M = {}

--- @tparam ?string content_type the header's value
-- @treturn ?string the problem code, nil when it is JSON
-- @phases set
function _M.check(content_type)
  -- What the shop's own pages send; a pattern, which LuaJIT does not compile, is for the others.
  if content_type == JSON then return nil end
  if content_type and match(lower(content_type), '^[^;%s]*') == JSON then return nil end
  return 'UNSUPPORTED_MEDIA_TYPE'
end

return _M
