import { preludeLua } from './script-parts.js'

/** A hash with one number, `arrival`: when everything will be available again. A denial writes nothing. */
const debtLua = `
local unit, burst, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local most = tonumber(ARGV[4]) * burst * unit
local arrival = tonumber(redis.call('HGET', key, 'arrival'))
local debt = math.min(math.max((arrival or 0) - now, 0), most)
-- A clock that was set back by a day would block for a day.
if arrival and arrival - now > most then redis.call('HSET', key, 'arrival', string.format('%.1f', now + most)) end

-- A window longer than it counts, so that a charge is recognised when it comes again.
local function ttl(owed) return math.ceil((owed + window) / 1000) + 1 end
`

/**
 * KEYS   the counter
 * ARGV   µs of a unit · burst · µs of the window · bursts of debt at most · then of each run: cost, count
 * reply  units available before · µs until all are · of each run: admitted, µs until the others may be
 */
export function gcraLua(timeLua: string): string {
  return `${preludeLua(timeLua)}${debtLua}
local available = math.floor((burst * unit - debt) / unit)
local taken, reply = admit(available, 5, function(cost, left)
  return debt + (available - left + cost) * unit - burst * unit
end)
local owed = debt + taken * unit
if taken > 0 then
  redis.call('HSET', key, 'arrival', string.format('%.1f', now + owed))
  redis.call('PEXPIRE', key, ttl(owed))
elseif arrival then
  heal(ttl(owed))
end
return { available, math.ceil(owed), unpack(reply) }
`
}

/**
 * Adds what a process admitted by itself, as if Redis had seen it when it was. Done once for each charge,
 * however often it is sent.
 *
 * KEYS   the counter
 * ARGV   µs of a unit · burst · µs of the window · bursts of debt at most · charge · units · the arrival
 *        time that they alone would have led to
 * reply  1 charged · 0 it was before, or all of it is too old to count
 */
export function chargeGcraLua(timeLua: string): string {
  return `${preludeLua(timeLua)}${debtLua}
local charge = 'charge:' .. ARGV[5]
if redis.call('HEXISTS', key, charge) == 1 then return 0 end
local owed = math.max(math.min(arrival or 0, now + most) + tonumber(ARGV[6]) * unit, tonumber(ARGV[7])) - now
if owed <= 0 then return 0 end
owed = math.min(owed, most)
local all = redis.call('HGETALL', key)
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 7) == 'charge:' and tonumber(all[i + 1]) < now - window then redis.call('HDEL', key, all[i]) end
end
redis.call('HSET', key, 'arrival', string.format('%.1f', now + owed), charge, string.format('%.0f', now))
redis.call('PEXPIRE', key, ttl(owed))
return 1
`
}
