std = 'ngx_lua'
max_line_length = 120
files['seckill-service/stock/scripts'] = { std = 'lua51', read_globals = { 'redis', 'KEYS', 'ARGV', 'cjson' } }
-- BullMQ's own functions stand before ours when the script is loaded (seckill-service/runtime/redis/bullmq-script.ts).
local withBullmq = {
  std = 'lua51',
  read_globals = { 'redis', 'KEYS', 'ARGV', 'cjson', 'cmsgpack', 'addStandardJob' },
}
files['seckill-service/relay/scripts'] = withBullmq
files['order-worker/rate/scripts'] = { std = 'lua51', read_globals = { 'redis', 'KEYS', 'ARGV' } }
