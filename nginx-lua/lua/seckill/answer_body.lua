--- An answer's body, out of a worker's own memory into `$seckill_body`, which nginx returns.
-- What set_by_lua returns has to be a string, and LuaJIT hashes, keeps and collects it for each answer: a twentieth of
-- what a challenge costs the edge. This is what `ngx.var` does with a string, by the same function of ngx_lua.
-- @module seckill.answer_body

local ffi = require('ffi')
local base = require('resty.core.base')
require('resty.core.var') -- declares what is called here

local C = ffi.C
local get_request, get_size_ptr = base.get_request, base.get_size_ptr
local error, text_of = error, ffi.string

local NAME = 'seckill_body' -- conf.d/office-verdict.conf
local PROBLEM_BYTES = 256

local lower_name = ffi.new('unsigned char[?]', #NAME)
local problem = ffi.new('unsigned char[?]', PROBLEM_BYTES)

local _M = {}

--- Copies the body into nginx' memory; it may be overwritten after.
-- @param memory
-- @tparam number length in bytes
-- @phases set
function _M.set(memory, length)
  local room = get_size_ptr()
  room[0] = PROBLEM_BYTES
  if C.ngx_http_lua_ffi_var_set(get_request(), NAME, #NAME, lower_name, memory, length, problem, room) ~= 0 then
    error(text_of(problem, room[0]))
  end
end

return _M
