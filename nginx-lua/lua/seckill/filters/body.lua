--- Filter 11: is the whole body in, and in time?
-- nginx bounds its bytes (client_max_body_size) and the pause between two reads (client_body_timeout); this bounds the
-- whole, so that a body that dribbles ends too.
-- Fails closed: a body that is late is refused, and its connection ends.
-- Counter: seckill_edge_requests_total{check="body"}
-- @module seckill.filters.body

local ffi = require('ffi')
local get_request = require('resty.core.base').get_request

local ngx = ngx
local read_body, http_version, sleep = ngx.req.read_body, ngx.req.http_version, ngx.sleep
local spawn, wait, kill = ngx.thread.spawn, ngx.thread.wait, ngx.thread.kill
local var, status = ngx.var, coroutine.status
local tonumber = tonumber

-- The heads of nginx' ngx_http_request_t and ngx_buf_t. They have not changed for ten years, where the HTTP cache is
-- built in (the default). Where it is not, a pointer stands in the place of `header_in` that is null until the body is
-- read.
ffi.cdef[[
typedef struct { unsigned char *pos, *last; } seckill_buffer;
typedef struct { uint32_t signature; void *others[11]; seckill_buffer *header_in; } seckill_request;
]]
local request_pointer = ffi.typeof('seckill_request *')
local SIGNATURE = 0x50545448 -- of a request, "HTTP"

local WHOLE = 'whole'
local HTTP_2 = 2

local _M = {}

local function read()
  read_body()
  return WHOLE
end

local function pass(seconds)
  sleep(seconds)
end

--- Whether the whole body came with the header, as a small one does over HTTP/1, or there is none. This costs nothing;
-- `check` takes two coroutines, a tenth of what a purchase costs the edge.
-- @tparam ?string content_length as the client told it
-- @treturn boolean false also when that cannot be known, and over HTTP/2, where a body is a frame of its own and needs
-- no length before it
-- @phases set, access
function _M.is_in(content_length)
  local request = ffi.cast(request_pointer, get_request())
  if request.signature ~= SIGNATURE or request.header_in == nil then return false end
  local length = tonumber(content_length)
  if not length then
    local version = http_version() -- nil of one that nginx has no name for, as 1.7
    return var.http_transfer_encoding == nil and version ~= nil and version < HTTP_2
  end
  return request.header_in.last - request.header_in.pos >= length
end

--- The body that came with the header, where nginx keeps it; behind it may lie the next request.
-- @tparam ?string content_length as the client told it
-- @return memory, nginx' own, good until the request is answered; nil when the body is not in yet, and where `is_in`
-- cannot know. HTTP/2 is for the caller to leave out
-- @treturn ?number how many bytes it is
-- @phases set, content
function _M.from_header(content_length)
  local request = ffi.cast(request_pointer, get_request())
  local buffer = request.header_in
  if request.signature ~= SIGNATURE or buffer == nil then return nil end
  local length = tonumber(content_length)
  if not length then
    if var.http_transfer_encoding ~= nil then return nil end
    length = 0
  end
  if buffer.last - buffer.pos < length then return nil end
  return buffer.pos, length
end

--- Waits for the body. What nginx refuses by itself meanwhile (too long, broken off) ends the request here.
-- @tparam number seconds that it may take in all
-- @treturn ?string the problem code, nil when the whole body is in
-- @phases access
function _M.check(seconds)
  local reading = spawn(read)
  if status(reading) == 'zombie' then return nil end -- it has run to its end
  local clock = spawn(pass, seconds)
  local _, first = wait(reading, clock)
  if first ~= WHOLE then return 'BAD_REQUEST' end
  kill(clock)
  return nil
end

return _M
