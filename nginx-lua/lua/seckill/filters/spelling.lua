--- Filter 9: is the path spelled as the route is?
-- nginx judges the path as it reads it (`%61` is `a`, `//` is `/`, `/./` is nothing), and Node would read the client's
-- own bytes: the two could mean different things. So nothing but the route's own spelling goes on to Node, and a long
-- query does not: Node takes 16 KB of a head in all.
-- Nor does one with a byte that no URI has, which Node's parser would answer without a problem body.
-- Fails closed: another spelling is NOT_FOUND, such a query BAD_REQUEST.
-- Counter: seckill_edge_requests_total{check="spelling"}
-- @module seckill.filters.spelling

local byte, find = string.byte, string.find

local QUESTION = byte('?')
local MAX_BYTES = 7000

local _M = {}

--- @tparam string raw the path and query as they came
-- @tparam string path as nginx reads it
-- @treturn ?string the problem code, nil when they are the same
-- @phases set, access
function _M.check(raw, path)
  if raw == path then return nil end
  if find(raw, path, 1, true) ~= 1 or byte(raw, #path + 1) ~= QUESTION then return 'NOT_FOUND' end
  if #raw > MAX_BYTES or find(raw, '[^!-~]', #path + 2) then return 'BAD_REQUEST' end
  return nil
end

--- Where a path names something that the edge does not know, an order: nothing but the letters of ids.
-- @treturn ?string the problem code
-- @phases access
function _M.check_letters(path)
  if find(path, '[^%w/_-]') then return 'NOT_FOUND' end
  return nil
end

return _M
