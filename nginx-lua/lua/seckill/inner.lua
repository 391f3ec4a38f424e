--- What the inner server answers.
-- @module seckill.inner

local metrics = require('seckill.metrics')
local state = require('seckill.state')
local stream = require('seckill.stream')

local ngx = ngx

local _M = {}

--- @phases content
function _M.readyz()
  if state.ready() then
    ngx.print('ready\n')
  else
    ngx.status = 503
    ngx.print('sales: no snapshot from the agent yet\n')
  end
end

--- @phases content
function _M.metrics()
  local age = stream.age()
  ngx.header['Content-Type'] = 'text/plain; version=0.0.4; charset=utf-8'
  ngx.print(metrics.render({
    ready = state.ready(),
    age = age,
    stale = not age or age > stream.silence_seconds,
    epochs = state.epochs(),
  }))
end

return _M
