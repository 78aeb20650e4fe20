import { decideEachLua, preludeLua } from './script-parts.js'

/** A hash with one number, `arrival`: when everything will be available again. A denial writes nothing. */
const debtLua = `
-- A window longer than it counts, so that a charge is recognised when it comes again.
local function ttl(owed, window) return math.ceil((owed + window) / 1000) + 1 end

local function read_arrival(key, now, most)
  local arrival = tonumber(redis.call('HGET', key, 'arrival'))
  if arrival and arrival - now > most then
    -- A clock that was set back by a day would block for a day.
    arrival = now + most
    redis.call('HSET', key, 'arrival', string.format('%.1f', arrival))
  end
  return arrival
end
`

const decideLua = `
local function retry_after(owing, cost, left)
  return owing.debt + (owing.available - left + cost) * owing.unit - owing.burst
end

local function decide(key, limit, admit, now)
  local unit, burst, window, most = limit[1], limit[2] * limit[1], limit[3], limit[4] * limit[2] * limit[1]
  local arrival = read_arrival(key, now, most)
  local debt = math.max((arrival or 0) - now, 0)
  local available = math.floor((burst - debt) / unit)
  local owing = { debt = debt, available = available, unit = unit, burst = burst }
  local taken = admit(available, retry_after, owing)
  local owed = debt + taken * unit
  if taken > 0 then
    redis.call('HSET', key, 'arrival', string.format('%.1f', now + owed))
    redis.call('PEXPIRE', key, ttl(owed, window))
  elseif arrival then
    heal(key, ttl(owed, window))
  end
  return available, math.ceil(owed)
end
`

/**
 * KEYS   counters; on a cluster one
 * ARGV   as {@link decideEachLua} says, a limit: µs of a unit · burst · µs of the window · bursts of debt at
 *        most
 * reply  as {@link decideEachLua} says
 */
export function gcraLua(timeLua: string): string {
  return `${preludeLua(timeLua)}${debtLua}${decideEachLua(decideLua)}`
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
local key, unit, window = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[3])
local most = tonumber(ARGV[4]) * tonumber(ARGV[2]) * unit
local charge = 'charge:' .. ARGV[5]
if redis.call('HEXISTS', key, charge) == 1 then return 0 end
local arrival = read_arrival(key, now, most) or 0
local owed = math.max(arrival + tonumber(ARGV[6]) * unit, tonumber(ARGV[7])) - now
if owed <= 0 then return 0 end
owed = math.min(owed, most)
local all = redis.call('HGETALL', key)
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 7) == 'charge:' and tonumber(all[i + 1]) < now - window then redis.call('HDEL', key, all[i]) end
end
redis.call('HSET', key, 'arrival', string.format('%.1f', now + owed), charge, string.format('%.0f', now))
redis.call('PEXPIRE', key, ttl(owed, window))
return 1
`
}
