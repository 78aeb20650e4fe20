/** Gives the time of the server in a script, as TIME does: seconds and microseconds. */
export const redisTime = "redis.call('TIME')"

/**
 * The beginning of each script that decides: `now`, and `admit`, which does in Lua what `admit` of
 * limit.ts does. Runs begin at ARGV[first]: cost, count, cost, count…
 */
export function preludeLua(timeLua: string): string {
  return `
local key = KEYS[1]
local time = ${timeLua}
local now = time[1] * 1000000 + time[2]

local function admit(available, first, retry)
  local left, admitted = available, {}
  for i = first, #ARGV, 2 do
    local cost, count = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
    local fits = count
    if cost > 0 then fits = math.min(count, math.max(0, math.floor(left / cost))) end
    left = left - fits * cost
    admitted[#admitted + 1] = fits
  end
  local reply, run = {}, 0
  for i = first, #ARGV, 2 do
    run = run + 1
    reply[#reply + 1] = admitted[run]
    local denied = admitted[run] < tonumber(ARGV[i + 1])
    reply[#reply + 1] = denied and math.ceil(retry(tonumber(ARGV[i]), left)) or 0
  end
  return available - left, reply
end

-- A key that lost its TTL (PERSIST, a restore) would count for ever.
local function heal(ms)
  if redis.call('PTTL', key) == -1 then redis.call('PEXPIRE', key, ms) end
end
`
}
