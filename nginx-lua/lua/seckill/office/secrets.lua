--- What the ticket office of this edge needs beside the sales and the ticket keys: EdgeOffice in
-- seckill-service/contract/edge-office.ts, as the agent says it. It lies in shared memory and is never written
-- anywhere: a reload keeps it, after a restart the first snapshot brings it. Until then the gateway answers what the
-- office would.
-- A worker keeps it in the form in which it is used until the revision moves: reading it costs a request nothing.
-- @module seckill.office.secrets

local hmac = require('seckill.hmac')
local json = require('seckill.platform').json
local revision = require('seckill.revision')

local shared = ngx.shared.seckill_office
local type = type

local STORED = 'office'
local PROBLEM = 'it needs challengeSecret and sessionSecret of 32 characters and more, ticketTtlMs and calmPerSecond '
  .. 'above 0, and signIn with keys, or null'

local _M = {}

local current, made_from, made_at = nil, nil, nil

local function is_secret(value)
  return type(value) == 'string' and #value >= 32
end

local function is_above_0(value)
  return type(value) == 'number' and value > 0
end

local function well_formed(told)
  return type(told) == 'table' and is_secret(told.challengeSecret) and is_secret(told.sessionSecret)
    and is_above_0(told.ticketTtlMs) and is_above_0(told.calmPerSecond)
    and (told.signIn == json.null or type(told.signIn) == 'table' and type(told.signIn.keys) == 'table')
end

--- Takes what the agent says; what is wrong changes nothing, what does not fit leaves nothing.
-- @tparam table told an EdgeOffice
-- @treturn ?string the problem
-- @phases timer
function _M.apply(told)
  if not well_formed(told) then return PROBLEM end
  local stored, problem = shared:safe_set(STORED, json.encode(told))
  -- No worker may go on with its copy of what was before: its keys may be good no longer.
  if not stored then shared:delete(STORED) end
  revision.bump()
  return not stored and 'it does not fit into seckill_office, so the gateway answers: ' .. problem or nil
end

--- The agent has been silent for so long that a key may be good no longer: nothing is made with it any more, and the
-- gateway answers what the office would. The next snapshot brings everything anew.
-- @phases timer
function _M.forget()
  if not shared:get(STORED) then return end
  shared:delete(STORED)
  revision.bump()
end

local function form(text)
  if not text then return nil end
  local told = json.decode(text)
  return {
    challenge_key = hmac.key(told.challengeSecret),
    session_key = hmac.key(told.sessionSecret),
    ticket_ttl_ms = told.ticketTtlMs,
    calm_per_second = told.calmPerSecond,
    sign_in = told.signIn ~= json.null and told.signIn or nil,
  }
end

--- The caller has called `revision.look` in its request.
-- @treturn ?table challenge_key and session_key (for hmac.lua), ticket_ttl_ms, calm_per_second, and sign_in
-- (EdgeSignIn; nil where only HS256 counts); another table after each change. nil until the agent has said it
-- @phases set, access, content, timer
function _M.get()
  if made_at ~= revision.current then
    local text = shared:get(STORED)
    if text ~= made_from then
      current, made_from = form(text), text
    end
    made_at = revision.current
  end
  return current
end

--- Whether the agent has said it.
-- @phases timer
function _M.are_known()
  revision.look()
  return _M.get() ~= nil
end

return _M
