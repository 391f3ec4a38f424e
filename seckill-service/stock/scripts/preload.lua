#!lua
-- preload: puts a sale's units on the shelf; the sale is a draft until it is opened.
-- Keeps: I1 (total = free at the start), and never touches stock that somebody may hold.
-- KEYS[1] sale
-- KEYS[2] stock
-- KEYS[3] reservations
-- KEYS[4] outbox
-- ARGV[1] total, units
-- ARGV[2] opensAt, Unix ms
-- ARGV[3] closesAt, Unix ms
-- ARGV[4] limitPerUser, units
-- ARGV[5] lowestEpoch: the epoch is above this one, so that a sale loaded into a new Redis overrules what edges know
-- ARGV[6] group: consumer group of the relays
-- Returns {1, epoch} DONE
-- Returns {-1, 0} LIVE: the sale is not a draft, or has reservations; nothing was changed
-- Cost: 6 commands.
local saleKey, stockKey, reservationsKey, outboxKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local total, opensAt, closesAt, limit = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local lowestEpoch, group = tonumber(ARGV[5]), ARGV[6]

-- An epoch above it is none, contract/epoch.ts.
local HIGHEST_EPOCH = 1000000000000
local current = redis.call('HMGET', saleKey, 'state', 'epoch')
local state, epoch = current[1], tonumber(current[2] or 0)
if (state and state ~= 'draft') or redis.call('HLEN', reservationsKey) > 0 then return { -1, 0 } end

if not (epoch and epoch >= 0 and epoch <= HIGHEST_EPOCH) then epoch = 0 end
epoch = math.min(math.max(epoch, lowestEpoch) + 1, HIGHEST_EPOCH)
redis.call('HSET', saleKey, 'state', 'draft', 'epoch', epoch, 'total', total, 'opensAt', opensAt,
  'closesAt', closesAt, 'limit', limit, 'returned', 0, 'skipped', 0, 'committed', 0, 'withheld', 0)
redis.call('SET', stockKey, total)
redis.pcall('XGROUP', 'CREATE', outboxKey, group, '0', 'MKSTREAM') -- BUSYGROUP: it is there already
return { 1, epoch }
