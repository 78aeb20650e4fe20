import { busPublishLua, defineScript, type BusReply, type Script } from '@stayfast/redis-kit'
import type { TagVersion } from '../tags/tag-version.js'

/** @throws When the reply is no list. */
export function list(reply: unknown): readonly unknown[] {
  if (!Array.isArray(reply)) throw new TypeError('The script answered no list.')
  return reply
}

export function texts(values: readonly unknown[]): readonly string[] {
  return values.map(String)
}

function parseBus([now, ...pairs]: readonly string[]): BusReply {
  const leases = new Map<string, number>()
  for (let index = 0; index + 1 < pairs.length; index += 2)
    leases.set(pairs[index] ?? '', Number(pairs[index + 1]))
  return { nowMs: Number(now), leases }
}

/** A version that no earlier run of any script has made: `nonce.µs`. */
const versionLua = `
local function new_version(nonce)
  local time = redis.call('TIME')
  return nonce .. '.' .. string.format('%.0f', time[1] * 1000000 + time[2])
end
`

/**
 * The versions of tags; one that is missing is made, because an absent tag equals nothing. Its TTL is
 * renewed when half of it is over: a tag in use never expires. DEL of what is not there opens a full server
 * to the SET: what is loaded can stay in memory only under versions that others can change.
 */
export const tagsLua: string = `${versionLua}
local function tag_versions(first, last, nonce, ttl)
  local versions = {}
  for i = first, last do
    local version = redis.call('GET', KEYS[i])
    if not version then
      version = new_version(nonce)
      redis.call('DEL', KEYS[i])
      redis.call('SET', KEYS[i], version, 'PX', ttl)
    elseif redis.call('PTTL', KEYS[i]) < ttl / 2 then
      redis.call('PEXPIRE', KEYS[i], ttl)
    end
    versions[#versions + 1] = version
  end
  return versions
end
`

/**
 * Reads tags, and makes those that are missing. Reading and making must be one step: of two processes
 * that miss the same tag one makes it, and both get its version.
 *
 * KEYS   tags
 * ARGV   a nonce · TTL of a tag in ms
 * reply  their versions
 */
export const touchScript: Script<readonly TagVersion[]> = defineScript(
  `${tagsLua}return tag_versions(1, #KEYS, ARGV[1], tonumber(ARGV[2]))`,
  (reply) => texts(list(reply)),
)

/**
 * Stores a value that was given, takes the lock from a load that is under way, and tells the other
 * processes.
 *
 * KEYS   entry · lock
 * ARGV   the entry · its TTL in ms · channel · message
 * reply  1
 */
export const setScript: Script<boolean> = defineScript(
  `
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('DEL', KEYS[2])
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1`,
  (reply) => reply === 1,
)

/** What {@link invalidateScript} answers. */
export interface InvalidateReply {
  readonly version: TagVersion
  readonly bus: BusReply
}

/**
 * Gives tags a new version and tells it, in one step: so the order of messages is the order of writes,
 * and whoever hears the message knows the version without reading it. DEL goes first because a full
 * server lets it through, and then the SET of the same script.
 *
 * KEYS   members of the bus · tags
 * ARGV   a nonce · TTL of a tag in ms · channel · message, in which the nonce becomes the version
 * reply  the version, then what the bus answers
 */
export const invalidateScript: Script<InvalidateReply> = defineScript(
  `${busPublishLua}${versionLua}
local version = new_version(ARGV[1])
for i = 2, #KEYS do
  redis.call('DEL', KEYS[i])
  redis.call('SET', KEYS[i], version, 'PX', ARGV[2])
end
local message = string.gsub(ARGV[4], ARGV[1], version, 1)
local reply = bus_publish(KEYS[1], ARGV[3], message)
table.insert(reply, 1, version)
return reply`,
  (reply) => {
    const [version = '', ...bus] = texts(list(reply))
    return { version, bus: parseBus(bus) }
  },
)

/**
 * The same for one tag of a cluster, where nothing can be told in the same step.
 *
 * KEYS   tag
 * ARGV   a nonce · TTL in ms
 * reply  1
 */
export const renewTagScript: Script<boolean> = defineScript(
  `${versionLua}
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], new_version(ARGV[1]), 'PX', ARGV[2])
return 1`,
  (reply) => reply === 1,
)

/**
 * Removes an entry, and the lock of whoever loads it, so that it is not brought back; tells of it.
 *
 * KEYS   members of the bus · entry · lock
 * ARGV   channel · message
 * reply  what the bus answers
 */
export const deleteScript: Script<BusReply> = defineScript(
  `${busPublishLua}
redis.call('DEL', KEYS[2], KEYS[3])
return bus_publish(KEYS[1], ARGV[1], ARGV[2])`,
  (reply) => parseBus(texts(list(reply))),
)
