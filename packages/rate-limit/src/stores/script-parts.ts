/** Gives the time of the server in a script, as TIME does: seconds and microseconds. */
export const redisTime = "redis.call('TIME')"

/** The beginning of each script: `now`, and `heal`. */
export function preludeLua(timeLua: string): string {
  return `
local time = ${timeLua}
local now = time[1] * 1000000 + time[2]

-- A key that lost its TTL (PERSIST, a restore) would count for ever.
local function heal(key, ms)
  if redis.call('PTTL', key) == -1 then redis.call('PEXPIRE', key, ms) end
end
`
}

/**
 * Makes a script that decides on several counters of one Lua function `decide(key, limit, admit, now)`,
 * which returns units available before, µs until all are, and the list that \`admit\` gave it.
 *
 * The arguments of each counter are: how many numbers tell its limit, how many tell its runs, then these
 * (a run is its cost and its count). A counter that is something else fails alone; what fails for the
 * sake of the server fails all.
 *
 * `admit` does in Lua what `admit` of limit.ts does.
 */
export function decideEachLua(decideLua: string): string {
  return `${decideLua}
local function admitter(first, last)
  return function(available, retry)
    local left, admitted, reply = available, {}, {}
    for i = first, last, 2 do
      local cost, count = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
      local fits = count
      if cost > 0 then fits = math.min(count, math.max(0, math.floor(left / cost))) end
      left = left - fits * cost
      admitted[i] = fits
    end
    for i = first, last, 2 do
      reply[#reply + 1] = admitted[i]
      local denied = admitted[i] < tonumber(ARGV[i + 1])
      reply[#reply + 1] = denied and math.ceil(retry(tonumber(ARGV[i]), left)) or 0
    end
    return available - left, reply
  end
end

local replies, at = {}, 1
for number, key in ipairs(KEYS) do
  local first = at + 2
  local runs = first + tonumber(ARGV[at])
  local last = runs + tonumber(ARGV[at + 1]) - 1
  local limit = {}
  for i = first, runs - 1 do limit[#limit + 1] = tonumber(ARGV[i]) end
  local ok, available, reset, reply = pcall(decide, key, limit, admitter(runs, last), now)
  if ok then
    replies[number] = { available, reset, unpack(reply) }
  else
    local text = type(available) == 'table' and available.err or tostring(available)
    -- Servers before 7 put the place in front.
    text = string.gsub(string.gsub(text, '^@user_script:%s*%d+:%s*', ''), '^-', '')
    if not string.find(text, 'WRONGTYPE', 1, true) then return redis.error_reply(text) end
    replies[number] = text
  end
  at = last + 1
end
return replies
`
}
