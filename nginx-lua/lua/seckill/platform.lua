--- The one place that knows how Debian's nginx + ngx_lua and OpenResty differ.
-- Both bring resty.core, ngx.base64 and cjson. What may differ: whether libcrypto's symbols are visible in the process
-- (they are when nginx links it dynamically), and under which name it lies on disk when they are not.
-- @module seckill.platform

local cjson = require('cjson.safe')

local pcall = pcall
local ipairs = ipairs

local CRYPTO_LIBRARIES = { 'libcrypto.so.3', '/usr/local/openresty/openssl3/lib/libcrypto.so.3', 'crypto' }

local _M = { json = cjson }

--- The namespace in which nginx' own libcrypto lies.
-- @tparam string symbol a function that is already declared by ffi.cdef
-- @return an FFI namespace; raises when there is none, so that nginx does not start
-- @phases init
function _M.libcrypto(symbol)
  local ffi = require('ffi')
  if pcall(function() return ffi.C[symbol] end) then return ffi.C end
  for _, name in ipairs(CRYPTO_LIBRARIES) do
    local found, library = pcall(ffi.load, name)
    if found then return library end
  end
  error('no libcrypto with ' .. symbol .. ' in this process, nor as ' .. table.concat(CRYPTO_LIBRARIES, ', '))
end

return _M
