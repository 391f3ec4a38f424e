--- A number that all workers see, and that costs a reader nothing but the reading: no lock, no look-up. It lies in
-- memory that the master maps before it forks. Where that is stands in a shared dictionary, so that after a reload the
-- new workers share it with the old ones, which the same master forked.
-- The workers must not count in it, there is no lock: a writer takes its value from where it is sure, and puts it here.
-- @module seckill.shared_number

local ffi = require('ffi')

local marks = ngx.shared.seckill_marks

ffi.cdef[[
void *mmap(void *address, size_t length, int protection, int flags, int file, long offset);
]]
local READ_AND_WRITE, SHARED_AND_ANONYMOUS = 3, 0x21 -- of Linux
local PAGE_BYTES = 4096

local _M = {}

--- The number of a name, 0 at first; raises when there is no memory, so that nginx does not start.
-- @tparam string name its key in `seckill_marks`
-- @return memory whose element 0 is the number
-- @phases init
function _M.named(name)
  local address = marks:get(name)
  if not address then
    local memory = ffi.C.mmap(nil, PAGE_BYTES, READ_AND_WRITE, SHARED_AND_ANONYMOUS, -1, 0)
    address = tonumber(ffi.cast('intptr_t', memory))
    if address == -1 then error('no memory for ' .. name) end
    marks:set(name, address)
  end
  return ffi.cast('double *', ffi.cast('intptr_t', address))
end

return _M
