import { defineScript, type Script } from './script.js'

/** What the bus learns from Redis when it says something. */
export interface BusReply {
  /** Redis time in milliseconds. */
  readonly nowMs: number
  /** Members whose lease is running, with the Redis time in milliseconds at which it ends. */
  readonly leases: ReadonlyMap<string, number>
}

function parseReply(reply: unknown): BusReply {
  if (!Array.isArray(reply)) throw new TypeError('The bus got a reply that is none of its script.')
  const [now, ...pairs] = reply.map(String)
  const leases = new Map<string, number>()
  for (let index = 0; index + 1 < pairs.length; index += 2)
    leases.set(pairs[index] ?? '', Number(pairs[index + 1]))
  return { nowMs: Number(now), leases }
}

/**
 * Lua that other scripts may prepend, to write and to tell of it in one atomic command.
 * `bus_publish(members, channel, message)` returns the reply that {@link BusReply} is parsed from.
 */
export const busPublishLua = `
local function bus_publish(members, channel, message)
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('PUBLISH', channel, message)
  local leases = redis.call('ZRANGEBYSCORE', members, '(' .. string.format('%.0f', now), '+inf', 'WITHSCORES')
  table.insert(leases, 1, string.format('%.0f', now))
  return leases
end
`

/**
 * KEYS[1] members: a ZSET of member ids scored by the end of their lease, in ms of Redis time
 * ARGV[1] channel · ARGV[2] message
 * reply: now in ms, then id and end of lease of each live member
 *
 * Publishing and reading the members must be one step: a process that joins between the two would
 * have read an old value and be asked for no confirmation.
 */
export const publishScript: Script<BusReply> = defineScript(
  `${busPublishLua}return bus_publish(KEYS[1], ARGV[1], ARGV[2])`,
  parseReply,
)

/**
 * KEYS[1] members
 * ARGV[1] own id · ARGV[2] length of the lease in ms · ARGV[3] own inbox · ARGV[4] the beat's number
 * reply: as above, with this member's new lease
 *
 * The beat comes back through the inbox. It arrives behind everything that was published before it,
 * which is what makes a lease worth something.
 */
export const beatScript: Script<BusReply> = defineScript(
  `${busPublishLua}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[2]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], 10 * ARGV[2])
return bus_publish(KEYS[1], ARGV[3], ARGV[4])`,
  parseReply,
)

/** KEYS[1] members · ARGV[1] own id · reply: now in ms. A member that leaves holds nobody up. */
export const leaveScript: Script<BusReply> = defineScript(
  `redis.call('ZREM', KEYS[1], ARGV[1])
local time = redis.call('TIME')
return { time[1] * 1000 }`,
  parseReply,
)
