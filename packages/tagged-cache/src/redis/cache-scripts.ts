import { busPublishLua, defineScript, type BusReply, type Script } from '@stayfast/redis-kit'
import type { TagVersion } from '../tags/tag-version.js'
import { idLength } from './entry-text.js'

function list(reply: unknown): readonly unknown[] {
  if (!Array.isArray(reply)) throw new TypeError('The script answered no list.')
  return reply
}

function texts(values: readonly unknown[]): readonly string[] {
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
 * renewed when half of it is over: a tag in use never expires.
 */
const tagsLua = `${versionLua}
local function tag_versions(first, nonce, ttl)
  local versions = {}
  for i = first, #KEYS do
    local version = redis.call('GET', KEYS[i])
    if not version then
      version = new_version(nonce)
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
  `${tagsLua}return tag_versions(1, ARGV[1], tonumber(ARGV[2]))`,
  (reply) => texts(list(reply)),
)

/** What {@link lockScript} answers. */
export interface LockReply {
  /** `'locked'`: the caller loads. `'held'`: somebody else does. `'changed'`: there is another entry by now. */
  readonly kind: 'locked' | 'held' | 'changed'
  readonly text: string
  readonly versions: readonly TagVersion[]
}

function lockReply(reply: unknown): LockReply {
  const [kind, text, ...versions] = texts(list(reply))
  if (kind !== 'locked' && kind !== 'held' && kind !== 'changed')
    throw new TypeError('The script answered something else.')
  return { kind, text: text ?? '', versions }
}

/**
 * Takes the right to load a key. A lock says by its versions what its holder will be able to store: one
 * that was taken before an invalidation holds nobody up, because what comes of it is dead already.
 *
 * The look at the entry belongs into the same step: else a value that was stored between the caller's
 * read and its lock would be loaded a second time.
 *
 * KEYS   entry · lock · on one server the tags
 * ARGV   the id of the entry that the caller saw · own token · TTL of the lock in ms · a nonce · TTL of
 *        a tag in ms · on a cluster the versions as the caller read them, joined by spaces
 * reply  'locked' | 'held' | 'changed', the entry where it changed, the versions of the tags
 */
export const lockScript: Script<LockReply> = defineScript(
  `${tagsLua}
local versions = tag_versions(3, ARGV[4], tonumber(ARGV[5]))
local wanted = ARGV[6] or table.concat(versions, ' ')
if redis.call('GETRANGE', KEYS[1], 0, ${idLength - 1}) ~= ARGV[1] then
  return { 'changed', redis.call('GET', KEYS[1]) or '', unpack(versions) }
end
local held = redis.call('GET', KEYS[2])
if held and string.sub(held, ${idLength + 2}) == wanted and string.sub(held, 1, ${idLength}) ~= ARGV[2] then
  return { 'held', '', unpack(versions) }
end
redis.call('SET', KEYS[2], ARGV[2] .. ' ' .. wanted, 'PX', ARGV[3])
return { 'locked', '', unpack(versions) }`,
  lockReply,
)

/**
 * Stores what was loaded, if the lock is still the loader's own: a delete or a later loader has taken it
 * away otherwise. The lock goes first, so that a full server does not keep it.
 *
 * KEYS   entry · lock
 * ARGV   own token · the entry · its TTL in ms
 * reply  1 stored · 0 the lock was lost
 */
export const commitScript: Script<boolean> = defineScript(
  `
local held = redis.call('GET', KEYS[2])
if not held or string.sub(held, 1, ${idLength}) ~= ARGV[1] then return 0 end
local stored = redis.pcall('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
if stored.err then return stored end
return 1`,
  (reply) => reply === 1,
)

/**
 * Gives the lock back, or keeps it for longer.
 *
 * KEYS   lock
 * ARGV   own token · TTL in ms, 0 to give it back
 * reply  1 done · 0 it was lost
 */
export const holdLockScript: Script<boolean> = defineScript(
  `
local held = redis.call('GET', KEYS[1])
if not held or string.sub(held, 1, ${idLength}) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then redis.call('DEL', KEYS[1]) else redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1`,
  (reply) => reply === 1,
)

/**
 * Stores a value that was given, with the versions of its tags as of this moment, takes the lock from a
 * load that is under way, and tells the other processes.
 *
 * KEYS   entry · lock · on one server the tags
 * ARGV   the entry's id · the rest of it · its TTL in ms · a nonce · TTL of a tag in ms · channel, or ''
 *        · message · on a cluster the versions, joined by spaces
 * reply  the versions
 */
export const setScript: Script<readonly TagVersion[]> = defineScript(
  `${tagsLua}
local versions = tag_versions(3, ARGV[4], tonumber(ARGV[5]))
local text = ARGV[8] or table.concat(versions, ' ')
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. text .. '\\n' .. ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
if ARGV[6] ~= '' then redis.call('PUBLISH', ARGV[6], ARGV[7]) end
return versions`,
  (reply) => texts(list(reply)),
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
