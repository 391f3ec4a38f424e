--- Whose request is this? The bearer's token, a JWT, judged by the rules of seckill-service/http/authenticate.ts.
-- Fails open to the gateway: a token that is not judged here for certain is passed on.
-- @module seckill.office.session

local _M = {}

--- @tparam ?string authorization the header's value
-- @tparam number now_ms
-- @treturn ?string the user, as the token's `sub` spells it
-- @treturn ?string why there is none, in the gateway's words; nil, too, when the edge cannot judge
-- @phases set, access
function _M.user()
  return nil, nil
end

return _M
