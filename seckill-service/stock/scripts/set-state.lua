#!lua
-- set-state: opens, pauses, resumes or closes a sale; each change has a new epoch.
-- Keeps: I7.
-- KEYS[1] sale
-- KEYS[2] stock
-- ARGV[1] action: open, pause, resume or close
-- ARGV[2] when: 'now' moves opensAt to this instant (open only), else ''
-- Returns {1, epoch, state} DONE
-- Returns {0, epoch, state} ALREADY: it was in that state
-- Returns {-1, 0, ''} SALE_UNKNOWN
-- Returns {-2, epoch, state} NOT_ALLOWED: not from this state; nothing was changed
-- Cost: at most 5 commands. The clock is Redis' own TIME.
local saleKey, stockKey = KEYS[1], KEYS[2]
local action, when = ARGV[1], ARGV[2]

local sale = redis.call('HMGET', saleKey, 'state', 'epoch', 'opensAt')
local state, epoch = sale[1], tonumber(sale[2] or 0)
if not state then return { -1, 0, '' } end

local onSale = state == 'open' or state == 'sold_out'
local target
if action == 'open' and state == 'draft' then target = 'open'
elseif action == 'open' and onSale and when ~= 'now' then return { 0, epoch, state }
elseif action == 'open' and state == 'open' then target = 'open'
elseif action == 'pause' and onSale then target = 'paused'
elseif action == 'pause' and state == 'paused' then return { 0, epoch, state }
elseif action == 'resume' and state == 'paused' then
  target = tonumber(redis.call('GET', stockKey)) > 0 and 'open' or 'sold_out'
elseif action == 'resume' and onSale then return { 0, epoch, state }
elseif action == 'close' and state == 'closed' then return { 0, epoch, state }
elseif action == 'close' then target = 'closed'
else return { -2, epoch, state } end

epoch = epoch + 1
redis.call('HSET', saleKey, 'state', target, 'epoch', epoch)
if when == 'now' then
  local time = redis.call('TIME')
  local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
  if tonumber(sale[3]) > tonumber(now) then redis.call('HSET', saleKey, 'opensAt', now) end
end
return { 1, epoch, target }
