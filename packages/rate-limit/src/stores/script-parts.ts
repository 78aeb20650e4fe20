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
 * which returns units available before and µs until all are. It calls `admit(available, retry, counter)`
 * once, which returns the units that were taken; `retry(counter, cost, left)` tells after how many µs a
 * request may be admitted that found so much left.
 *
 * The arguments are parts of: how many counters it is about, how many numbers tell their limit, how many
 * tell their runs, then these (a run is its cost and its count). The reply is one list: of each counter
 * units available, µs until all are, and of each run how many were admitted and µs until the others may be;
 * or a text in place of all that, where the key is something else. What fails for the sake of the server
 * fails all.
 *
 * `admit` does in Lua what `admit` of limit.ts does.
 */
export function decideEachLua(decideLua: string): string {
  return `${decideLua}
local function numbers(first, last)
  local found = {}
  for i = first, last do found[#found + 1] = tonumber(ARGV[i]) end
  return found
end

local function admitter(runs, told)
  return function(available, retry, counter)
    local left = available
    for i = 1, #runs, 2 do
      local cost, fits = runs[i], runs[i + 1]
      if cost > 0 then fits = math.min(fits, math.max(0, math.floor(left / cost))) end
      left = left - fits * cost
      told[i] = fits
    end
    for i = 1, #runs, 2 do
      told[i + 1] = told[i] < runs[i + 1] and math.ceil(retry(counter, runs[i], left)) or 0
    end
    return available - left
  end
end

local replies, at, number = {}, 1, 0
while at <= #ARGV do
  local first = at + 3
  local middle = first + tonumber(ARGV[at + 1])
  local last = middle + tonumber(ARGV[at + 2]) - 1
  local limit, runs, told = numbers(first, middle - 1), numbers(middle, last), {}
  local admit = admitter(runs, told)
  for _ = 1, tonumber(ARGV[at]) do
    number = number + 1
    local ok, available, reset = pcall(decide, KEYS[number], limit, admit, now)
    if ok then
      replies[#replies + 1] = available
      replies[#replies + 1] = reset
      for i = 1, #runs do replies[#replies + 1] = told[i] end
    else
      local text = type(available) == 'table' and available.err or tostring(available)
      -- Servers before 7 put the place in front.
      text = string.gsub(string.gsub(text, '^@user_script:%s*%d+:%s*', ''), '^-', '')
      if not string.find(text, 'WRONGTYPE', 1, true) then return redis.error_reply(text) end
      replies[#replies + 1] = text
    end
  end
  at = last + 1
end
return replies
`
}
