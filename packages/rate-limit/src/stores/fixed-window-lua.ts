import { preludeLua } from './script-parts.js'

/** A hash: `window` counts windows since 1970, `used` its units. */
const windowLua = `
local length = tonumber(ARGV[1])
local window = math.floor(now / length)
local state = redis.call('HMGET', key, 'window', 'used')
local stored, used = tonumber(state[1]), tonumber(state[2]) or 0
-- A clock that went back a little stays in the window that has begun; by more, it begins afresh.
local stale = stored and (window > stored or window < stored - 1)
if stale then used = 0 elseif stored then window = stored end
local start = window * length
local ends = start + length - math.max(now, start)
-- Longer than the window by another one where the clock is behind it.
local ttl = math.ceil((start + length - now) / 1000) + 1
`

/**
 * KEYS   the counter
 * ARGV   µs of the window · max · then of each run: cost, count
 * reply  units available before · µs until all are · of each run: admitted, µs until the others may be
 */
export function fixedWindowLua(timeLua: string): string {
  return `${preludeLua(timeLua)}${windowLua}
local available = tonumber(ARGV[2]) - used
local taken, reply = admit(available, 3, function() return ends end)
if taken > 0 then
  if stale then redis.call('DEL', key) end
  redis.call('HSET', key, 'window', string.format('%.0f', window), 'used', used + taken)
  redis.call('PEXPIRE', key, ttl)
elseif stored then
  heal(ttl)
end
return { available, used + taken == 0 and 0 or ends, unpack(reply) }
`
}

/**
 * Adds what a process admitted by itself, if its window still runs. Done once for each charge, however
 * often it is sent.
 *
 * KEYS   the counter
 * ARGV   µs of the window · charge · window · units
 * reply  1 charged · 0 it was before, or its window is over
 */
export function chargeFixedWindowLua(timeLua: string): string {
  return `${preludeLua(timeLua)}${windowLua}
local charge = 'charge:' .. ARGV[2]
if tonumber(ARGV[3]) < window then return 0 end
if not stale and redis.call('HEXISTS', key, charge) == 1 then return 0 end
if stale then redis.call('DEL', key) end
redis.call('HSET', key, 'window', string.format('%.0f', window), 'used', used + tonumber(ARGV[4]), charge, 1)
redis.call('PEXPIRE', key, ttl)
return 1
`
}
