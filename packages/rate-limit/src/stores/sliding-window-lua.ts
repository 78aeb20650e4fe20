import { decideEachLua, preludeLua } from './script-parts.js'

/**
 * A hash: `bucket` the newest bucket in which something was admitted, `used` the units of all buckets that
 * count, and a ring of their units by bucket % buckets. So a decision touches what changed, not the row.
 *
 * `open_ring` brings the ring to the present without writing; `write_roll` writes what has left it.
 */
const ringLua = `
local function open_ring(key, width, slots, now)
  local bucket = math.floor(now / width)
  local state = redis.call('HMGET', key, 'bucket', 'used', bucket % slots)
  local newest = tonumber(state[1])
  local ring = {
    key = key, width = width, slots = slots, now = now,
    ttl = math.ceil(slots * width / 1000) + 1,
    bucket = bucket, newest = newest, used = tonumber(state[2]) or 0,
    -- What was admitted in the present bucket; what else its place in the ring may hold is older.
    units = newest == bucket and tonumber(state[3]) or 0,
    gone = {}, stale = false,
  }
  if newest and newest ~= bucket then
    if math.abs(bucket - newest) >= slots then
      ring.stale, ring.used = true, 0
    elseif bucket > newest then
      for i = newest + 1, ring.bucket do ring.gone[#ring.gone + 1] = i % slots end
      for _, units in ipairs(redis.call('HMGET', key, unpack(ring.gone))) do
        ring.used = ring.used - (tonumber(units) or 0)
      end
    else
      -- The clock of a new primary may be a little behind.
      ring.bucket = newest
      ring.now = math.max(now, newest * width)
      ring.units = tonumber(redis.call('HGET', key, newest % slots)) or 0
    end
  end
  return ring
end

local function write_roll(ring)
  if ring.stale then
    redis.call('DEL', ring.key)
  elseif #ring.gone > 0 then
    redis.call('HDEL', ring.key, unpack(ring.gone))
  end
end
`

const decideLua = `
-- When so much will have left the window that the request fits; what was just taken leaves last.
local function retry_after(ring, cost, left)
  local last, units = ring.bucket, cost - left
  if ring.newest and not ring.stale then
    local counted = {}
    for i = ring.bucket - ring.slots + 1, ring.newest do counted[#counted + 1] = i % ring.slots end
    for i, value in ipairs(redis.call('HMGET', ring.key, unpack(counted))) do
      units = units - (tonumber(value) or 0)
      if units <= 0 then
        last = ring.bucket - ring.slots + i
        break
      end
    end
  end
  return (last + ring.slots) * ring.width - ring.now
end

local function decide(key, limit, admit, now)
  local width, slots, max = limit[1], limit[2], limit[3]
  local ring = open_ring(key, width, slots, now)
  local available = max - ring.used
  local taken = admit(available, retry_after, ring)
  if taken > 0 then
    write_roll(ring)
    local bucket, slot = string.format('%.0f', ring.bucket), ring.bucket % slots
    redis.call('HSET', key, 'bucket', bucket, 'used', ring.used + taken, slot, ring.units + taken)
    redis.call('PEXPIRE', key, ring.ttl)
  elseif ring.newest then
    heal(key, ring.ttl)
  end
  local used = ring.used + taken
  return available, used == 0 and 0 or (ring.bucket + slots) * width - ring.now
end
`

/**
 * KEYS   counters; on a cluster one
 * ARGV   as {@link decideEachLua} says, a limit: µs of a bucket · buckets that count · max
 * reply  as {@link decideEachLua} says
 */
export function slidingWindowLua(timeLua: string): string {
  return `${preludeLua(timeLua)}${ringLua}${decideEachLua(decideLua)}`
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
local key, slots = KEYS[1], tonumber(ARGV[2])
local ring = open_ring(key, tonumber(ARGV[1]), slots, now)
local charge = 'charge:' .. ARGV[3]
if not ring.stale and redis.call('HEXISTS', key, charge) == 1 then return 0 end
local oldest, units = ring.bucket - slots, {}
for i = 4, #ARGV, 2 do
  -- A process whose idea of the time runs ahead means now.
  local at = math.min(tonumber(ARGV[i]), ring.bucket)
  if at > oldest then units[#units + 1] = { at % slots, tonumber(ARGV[i + 1]) } end
end
if #units == 0 then return 0 end
write_roll(ring)
local all = redis.call('HGETALL', key)
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 7) == 'charge:' and tonumber(all[i + 1]) <= oldest then redis.call('HDEL', key, all[i]) end
end
local used, bucket = ring.used, string.format('%.0f', ring.bucket)
for _, each in ipairs(units) do
  used = used + each[2]
  redis.call('HINCRBY', key, each[1], each[2])
end
redis.call('HSET', key, 'bucket', bucket, 'used', used, charge, bucket)
redis.call('PEXPIRE', key, ring.ttl)
return 1
`
}
