#!lua flags=allow-oom
-- set-state: opens, pauses, resumes or closes a sale; each change has a new epoch.
-- Keeps: I7. A sale that was paused for a fault cannot be resumed before it is mended.
-- KEYS[1] sale
-- KEYS[2] stock
-- ARGV[1] action: open, pause, resume, close or mend
-- ARGV[2] when: 'now' moves opensAt to this instant (open only), else ''
-- ARGV[3] fault: why the system itself pauses the sale (pause only), else ''
-- ARGV[4] lowestEpoch: the new epoch is above this one, so that it overrules what edges know; 0 as a rule
-- Returns {1, epoch, state} DONE
-- Returns {0, epoch, state} ALREADY: it was in that state
-- Returns {-1, 0, ''} SALE_UNKNOWN
-- Returns {-2, epoch, state} NOT_ALLOWED: not from this state; nothing was changed
-- Returns {-3, epoch, state} FAULTY: it was paused for a fault; nothing was changed
-- Runs out of memory too (allow-oom): a sale must be stoppable just then.
-- Cost: at most 5 commands. The clock is Redis' own TIME.
local saleKey, stockKey = KEYS[1], KEYS[2]
local action, when, fault, lowestEpoch = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])

local sale = redis.call('HMGET', saleKey, 'state', 'epoch', 'opensAt', 'fault')
local state, epoch, faulty = sale[1], tonumber(sale[2] or 0), sale[4]
-- An epoch above it is none, and counts as 0: contract/epoch.ts.
local HIGHEST_EPOCH = 1000000000000
if not (epoch and epoch >= 0 and epoch <= HIGHEST_EPOCH and epoch % 1 == 0) then epoch = 0 end
if not state then return { -1, 0, '' } end

local onSale = state == 'open' or state == 'sold_out'
local already = (action == 'open' and onSale and when ~= 'now') or (action == 'resume' and onSale)
  or (action == 'pause' and state == 'paused' and (fault == '' or faulty)) or (action == 'close' and state == 'closed')
  or (action == 'mend' and not faulty)
if already then return { 0, epoch, state } end

-- Without a free unit it is sold out, or no purchase would ever say so to the edges.
local function onShelf() return tonumber(redis.call('GET', stockKey)) > 0 and 'open' or 'sold_out' end
local target
if action == 'open' and state == 'draft' then target = onShelf()
elseif action == 'open' and state == 'open' then target = 'open'
elseif action == 'pause' and (onSale or (fault ~= '' and state ~= 'closed')) then target = 'paused'
elseif action == 'resume' and state == 'paused' then
  if faulty then return { -3, epoch, state } end
  target = onShelf()
elseif action == 'mend' and state == 'paused' then target = 'paused'
elseif action == 'close' then target = 'closed'
else return { -2, epoch, state } end

epoch = math.min(math.max(epoch, lowestEpoch) + 1, HIGHEST_EPOCH)
redis.call('HSET', saleKey, 'state', target, 'epoch', epoch)
if fault ~= '' then redis.call('HSET', saleKey, 'fault', fault) end
if action == 'mend' then redis.call('HDEL', saleKey, 'fault') end
if when == 'now' then
  local time = redis.call('TIME')
  local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
  if tonumber(sale[3]) > tonumber(now) then redis.call('HSET', saleKey, 'opensAt', now) end
end
return { 1, epoch, target }
