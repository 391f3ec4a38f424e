--- What the inner server answers.
-- @module seckill.inner

local page = require('seckill.metrics_page')
local state = require('seckill.state')

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
  ngx.header['Content-Type'] = 'text/plain; version=0.0.4; charset=utf-8'
  ngx.print(page.render())
end

return _M
