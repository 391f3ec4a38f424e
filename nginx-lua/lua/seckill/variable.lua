--- nginx's variables for the hot routes, by nginx's own function. `ngx.var` reads a name letter by letter each time, to
-- hash it; here that is done once, when a module is loaded.
-- Fails closed: what nginx does not know is nil, as with `ngx.var`.
-- @module seckill.variable

local ffi = require('ffi')
local get_request = require('resty.core.base').get_request

local C, new, to_string = ffi.C, ffi.new, ffi.string
local band, byte = bit.band, string.byte

-- ngx_variable_value_t begins with 28 bits of length and four flags. The types named ngx_… are declared by resty.core.
ffi.cdef[[
typedef struct { uint32_t length_and_flags; const unsigned char *data; } seckill_value;
typedef struct { ngx_str_t name; uintptr_t hash; } seckill_variable;
seckill_value *ngx_http_get_variable(ngx_http_request_t *r, ngx_str_t *name, uintptr_t hash);
]]
local LENGTH, NOT_FOUND = 0x0fffffff, 0x40000000

local get_variable = C.ngx_http_get_variable
local names = {} -- the memory of a name is used as long as nginx runs

local _M = {}

--- A variable, for `text`.
-- @tparam string name in small letters
-- @phases init
function _M.named(name)
  names[#names + 1] = name
  local hash = ffi.cast('uintptr_t', 0)
  for i = 1, #name do hash = hash * 31 + byte(name, i) end -- ngx_hash
  local variable = new('seckill_variable')
  variable.name.len, variable.name.data, variable.hash = #name, name, hash
  return variable
end

--- What it holds in the request at hand.
-- @param variable what `named` made
-- @treturn ?string nil when there is none
-- @phases set, content, log
function _M.text(variable)
  local value = get_variable(get_request(), variable.name, variable.hash)
  if value == nil or band(value.length_and_flags, NOT_FOUND) ~= 0 then return nil end
  return to_string(value.data, band(value.length_and_flags, LENGTH))
end

return _M
