import { decideEachLua, preludeLua } from './script-parts.js'

/** A hash: `window` counts windows since 1970, `used` its units. */
const windowLua = `
local function open_window(key, length, now)
  local state = redis.call('HMGET', key, 'window', 'used')
  local window, stored, used = math.floor(now / length), tonumber(state[1]), tonumber(state[2]) or 0
  -- A clock that went back a little stays in the window that has begun; by more, it begins afresh.
  local stale = stored and (window > stored or window < stored - 1)
  if stale then used = 0 elseif stored then window = stored end
  local start = window * length
  return {
    window = window, stored = stored, used = used, stale = stale,
    ends = start + length - math.max(now, start),
    ttl = math.ceil((start + length - now) / 1000) + 1,
  }
end
`

const decideLua = `
local function retry_after(open) return open.ends end

local function decide(key, limit, admit, now)
  local length, max = limit[1], limit[2]
  local open = open_window(key, length, now)
  local available = max - open.used
  local taken = admit(available, retry_after, open)
  local used = open.used + taken
  if taken > 0 then
    if open.stale then redis.call('DEL', key) end
    redis.call('HSET', key, 'window', string.format('%.0f', open.window), 'used', used)
    redis.call('PEXPIRE', key, open.ttl)
  elseif open.stored then
    heal(key, open.ttl)
  end
  return available, used == 0 and 0 or open.ends
end
`

/**
 * KEYS   counters; on a cluster one
 * ARGV   as {@link decideEachLua} says, a limit: µs of the window · max
 * reply  as {@link decideEachLua} says
 */
export function fixedWindowLua(timeLua: string): string {
  return `${preludeLua(timeLua)}${windowLua}${decideEachLua(decideLua)}`
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
local key, charge = KEYS[1], 'charge:' .. ARGV[2]
local open = open_window(key, tonumber(ARGV[1]), now)
if tonumber(ARGV[3]) < open.window then return 0 end
if not open.stale and redis.call('HEXISTS', key, charge) == 1 then return 0 end
if open.stale then redis.call('DEL', key) end
local used = open.used + tonumber(ARGV[4])
redis.call('HSET', key, 'window', string.format('%.0f', open.window), 'used', used, charge, 1)
redis.call('PEXPIRE', key, open.ttl)
return 1
`
}
