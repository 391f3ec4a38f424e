--- Which key of the shop's sign-in has signed a token: the one that jose would take in the gateway (isUsableJWK in its
-- jwks/local.js), where there is just one.
-- A worker loads a key when the first token names it, and keeps it until the agent says another set.
-- Failure mode: no key of that name (the gateway looks for newer ones), several (it tries each), or one that is broken
-- or weak (it is a fault of the sign-in): nil.
-- @module seckill.office.sign_in_keys

local signature = require('seckill.office.signature')

local is_possible, kind_of, make_verifier = signature.is_possible, signature.kind_of, signature.verifier
local ipairs, type = ipairs, type

local _M = {}

-- The verifiers by algorithm and key, of the set of `loaded_of`; false of a key that cannot be used.
local loaded, loaded_of = {}, nil

-- `kid` and `alg` of a key are no text where it has none.
local function is_usable(key, alg, kind, kid)
  return key.kind == kind and (kid == nil or key.kid == kid) and (type(key.alg) ~= 'string' or key.alg == alg)
end

local function only_usable(keys, alg, kid)
  local kind, only = kind_of(alg), nil
  if not kind then return nil end
  for _, key in ipairs(keys) do
    if is_usable(key, alg, kind, kid) then
      if only then return nil end
      only = key
    end
  end
  return only
end

--- What verifies the tokens that name this algorithm and key.
-- @tparam table sign_in an EdgeSignIn of seckill-service/contract/edge-office.ts
-- @tparam string alg
-- @tparam ?string kid
-- @treturn ?table for signature.lua
-- @phases any
function _M.find(sign_in, alg, kid)
  if sign_in ~= loaded_of then
    loaded, loaded_of = {}, sign_in
  end
  local key = only_usable(sign_in.keys, alg, kid)
  if not key then return nil end
  local of_alg = loaded[alg] or {}
  loaded[alg] = of_alg
  if of_alg[key] == nil then of_alg[key] = type(key.spki) == 'string' and make_verifier(alg, key.spki) or false end
  return of_alg[key] or nil
end

--- How many keys there are by which this edge verifies.
-- @tparam ?table sign_in an EdgeSignIn; nil: there are none
-- @phases any
function _M.count(sign_in)
  local count = 0
  for _, key in ipairs(sign_in and is_possible() and sign_in.keys or {}) do
    if type(key.spki) == 'string' then count = count + 1 end
  end
  return count
end

return _M
