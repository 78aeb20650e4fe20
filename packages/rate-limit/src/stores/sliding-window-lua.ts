import { preludeLua } from './script-parts.js'

/**
 * A hash: `bucket` the newest bucket in which something was admitted, `used` the units of all buckets that
 * count, and a ring of their units by bucket % buckets. So a decision touches what changed, not the row.
 *
 * `roll` brings the ring to the present without writing: it leaves in `gone` what has to be written.
 */
const ringLua = `
local width, slots = tonumber(ARGV[1]), tonumber(ARGV[2])
local ttl = math.ceil(slots * width / 1000) + 1
local bucket = math.floor(now / width)
local state = redis.call('HMGET', key, 'bucket', 'used')
local newest, used = tonumber(state[1]), tonumber(state[2]) or 0
local gone, stale = {}, false

if newest then
  if math.abs(bucket - newest) >= slots then
    stale, used = true, 0
  elseif bucket > newest then
    for i = newest + 1, bucket do gone[#gone + 1] = i % slots end
    for _, units in ipairs(redis.call('HMGET', key, unpack(gone))) do used = used - (tonumber(units) or 0) end
  else
    -- The clock of a new primary may be a little behind.
    bucket = newest
    now = math.max(now, bucket * width)
  end
end

local function write_roll()
  if stale then redis.call('DEL', key) elseif #gone > 0 then redis.call('HDEL', key, unpack(gone)) end
end

local function counts(i)
  if stale or i > newest then return 0 end
  return tonumber(redis.call('HGET', key, i % slots)) or 0
end
`

/**
 * KEYS   the counter
 * ARGV   µs of a bucket · buckets that count · max · then of each run: cost, count
 * reply  units available before · µs until all are · of each run: admitted, µs until the others may be
 */
export function slidingWindowLua(timeLua: string): string {
  return `${preludeLua(timeLua)}${ringLua}
local available = tonumber(ARGV[3]) - used
local taken, reply = admit(available, 4, function(cost, left)
  local needed = cost - left
  if newest then
    for i = bucket - slots + 1, bucket do
      needed = needed - counts(i)
      if needed <= 0 then return (i + slots) * width - now end
    end
  end
  return (bucket + slots) * width - now
end)
if taken > 0 then
  write_roll()
  redis.call('HSET', key, 'bucket', string.format('%.0f', bucket), 'used', used + taken)
  redis.call('HINCRBY', key, bucket % slots, taken)
  redis.call('PEXPIRE', key, ttl)
elseif newest then
  heal(ttl)
end
local reset = used + taken == 0 and 0 or (bucket + slots) * width - now
return { available, reset, unpack(reply) }
`
}

/**
 * Adds what a process admitted by itself, each unit to the bucket in which it was. Done once for each
 * charge, however often it is sent.
 *
 * KEYS   the counter
 * ARGV   µs of a bucket · buckets that count · charge · then: bucket, units, bucket, units…
 * reply  1 charged · 0 it was before, or all of it is too old to count
 */
export function chargeSlidingWindowLua(timeLua: string): string {
  return `${preludeLua(timeLua)}${ringLua}
local charge = 'charge:' .. ARGV[3]
if not stale and redis.call('HEXISTS', key, charge) == 1 then return 0 end
local oldest, units = bucket - slots, {}
for i = 4, #ARGV, 2 do
  -- A process whose idea of the time runs ahead means now.
  local at = math.min(tonumber(ARGV[i]), bucket)
  if at > oldest then units[#units + 1] = { at % slots, tonumber(ARGV[i + 1]) } end
end
if #units == 0 then return 0 end
write_roll()
local all = redis.call('HGETALL', key)
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 7) == 'charge:' and tonumber(all[i + 1]) <= oldest then redis.call('HDEL', key, all[i]) end
end
for _, each in ipairs(units) do
  used = used + each[2]
  redis.call('HINCRBY', key, each[1], each[2])
end
redis.call('HSET', key, 'bucket', string.format('%.0f', bucket), 'used', used, charge, string.format('%.0f', bucket))
redis.call('PEXPIRE', key, ttl)
return 1
`
}
