std = 'ngx_lua'
max_line_length = 120
files['seckill-service/stock/scripts'] = { std = 'lua51', read_globals = { 'redis', 'KEYS', 'ARGV', 'cjson' } }
files['order-worker/rate/scripts'] = { std = 'lua51', read_globals = { 'redis', 'KEYS', 'ARGV' } }
