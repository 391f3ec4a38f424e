#!lua
-- recount: sets the counts of a sale that stands still to what its reservations say, or only says what it would set.
-- Keeps: I1, I2, I6. Atomic because orders are stored and given back while a sale is paused, too.
-- KEYS[1] sale
-- KEYS[2] stock
-- KEYS[3] buyers
-- KEYS[4] reservations
-- ARGV[1] how: 'mend' writes, 'look' does not
-- Returns {1, free, counts, buyers} DONE: both as name, what was noted, what is right, ...; empty when all was right
-- Returns {-1} NOT_STANDING: the sale is on sale or unknown; nothing was changed
-- Returns {-2, free, counts, buyers} OVERSOLD: reservations hold -free units more than there are; nothing was changed
-- Cost: 4 commands, two of which grow with the orders, and one per wrong count or buyer: as much as an audit's cut
-- (read-books.lua), and nothing else meanwhile.
local saleKey, stockKey, buyersKey, reservationsKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local how = ARGV[1]

local sale = redis.call('HMGET', saleKey, 'state', 'total', 'returned', 'withheld', 'committed', 'skipped')
local state, total = sale[1], tonumber(sale[2])
if not state or state == 'open' or state == 'sold_out' then return { -1 } end

local records = redis.call('HGETALL', reservationsKey)
local live, ended, committed, highest, holds = 0, 0, 0, 0, {}
for index = 2, #records, 2 do
  local letter, quantity, place, userId = string.match(records[index], '^(%a):(%d+):(%d+):%d+:(.+)$')
  local units = tonumber(quantity)
  highest = math.max(highest, tonumber(place))
  if letter ~= 'h' then committed = committed + units end
  if letter == 'r' then ended = ended + units
  else
    live = live + units
    holds[userId] = (holds[userId] or 0) + units
  end
end

-- ended = returned + withheld, and total = free + live + withheld: when one of the three is wrong, the two tell which.
local noted, returned, withheld = redis.call('GET', stockKey), tonumber(sale[3]), tonumber(sale[4] or 0)
if not (returned and withheld) or returned + withheld ~= ended then
  local rest = ended - (returned or ended)
  if not withheld or withheld > ended or tonumber(noted) == total - live - rest then withheld = math.max(rest, 0) end
end
local free = total - live - withheld
local skipped = math.max(tonumber(sale[6] or 0) or 0, highest - live - ended)

local counts, buyers = {}, {}
local function compare(list, name, was, is)
  local right = string.format('%.0f', is)
  if was == right then return end
  for _, each in ipairs({ name, was or '', right }) do list[#list + 1] = each end
end
compare(counts, 'free', noted, free)
compare(counts, 'returned', sale[3], ended - withheld)
compare(counts, 'withheld', sale[4] or '0', withheld)
compare(counts, 'committed', sale[5], committed)
compare(counts, 'skipped', sale[6] or '0', skipped)
local notedBuyers = redis.call('HGETALL', buyersKey)
for index = 1, #notedBuyers, 2 do
  compare(buyers, notedBuyers[index], notedBuyers[index + 1], holds[notedBuyers[index]] or 0)
  holds[notedBuyers[index]] = nil
end
for userId, units in pairs(holds) do compare(buyers, userId, false, units) end

if free < 0 then return { -2, free, counts, buyers } end
if how ~= 'mend' then return { 1, free, counts, buyers } end
for index = 1, #counts, 3 do
  if counts[index] == 'free' then redis.call('SET', stockKey, counts[index + 2])
  else redis.call('HSET', saleKey, counts[index], counts[index + 2]) end
end
for index = 1, #buyers, 3 do
  if buyers[index + 2] == '0' then redis.call('HDEL', buyersKey, buyers[index])
  else redis.call('HSET', buyersKey, buyers[index], buyers[index + 2]) end
end
return { 1, free, counts, buyers }
