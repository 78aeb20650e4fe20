import { defineScript, type Script } from '@stayfast/redis-kit'
import type { TagVersion } from '../tags/tag-version.js'
import { list, tagsLua, texts } from './cache-scripts.js'
import { idLength } from './entry-text.js'

/** What {@link lockScript} answers for one key. */
export type LockKind =
  /** The caller loads. */
  | 'locked'
  /** Somebody else does. */
  | 'held'
  /** There is another entry by now. */
  | 'changed'
  /** Something else lies there. */
  | 'failed'

/** What {@link lockScript} answers. */
export interface LockReply {
  /** Of the tags, in their order. */
  readonly versions: readonly TagVersion[]
  /** Of the keys, in their order. */
  readonly kinds: readonly LockKind[]
}

function isLockKind(kind: string): kind is LockKind {
  return kind === 'locked' || kind === 'held' || kind === 'changed' || kind === 'failed'
}

/**
 * Takes the right to load some keys. A lock says by its versions what its holder will be able to store: one
 * that was taken before an invalidation holds nobody up, because what comes of it is dead already.
 *
 * The look at the entry belongs into the same step: else a value that was stored between the caller's
 * read and its lock would be loaded a second time.
 *
 * KEYS   on one server the tags, each once · then for each key: entry · lock
 * ARGV   how many tags there are · TTL of a lock in ms · a nonce · TTL of a tag in ms · then for each key:
 *        the id of the entry that the caller saw · own token · its tags by their places, joined by spaces;
 *        on a cluster the versions as the caller read them
 * reply  the versions of the tags · 'locked' | 'held' | 'changed' | 'failed' for each key
 */
export const lockScript: Script<LockReply> = defineScript(
  `${tagsLua}
local tags = tonumber(ARGV[1])
local versions = tag_versions(1, tags, ARGV[3], tonumber(ARGV[4]))
local function wanted_versions(places)
  if tags == 0 then return places end
  local wanted = {}
  for place in string.gmatch(places, '%d+') do wanted[#wanted + 1] = versions[tonumber(place)] end
  return table.concat(wanted, ' ')
end
local function take(entry, lock, seen, token, wanted)
  local id = redis.pcall('GETRANGE', entry, 0, ${idLength - 1})
  local held = redis.pcall('GET', lock)
  if type(id) == 'table' or type(held) == 'table' then return 'failed' end
  if id ~= seen then return 'changed' end
  if held and string.sub(held, ${idLength + 2}) == wanted and string.sub(held, 1, ${idLength}) ~= token then
    return 'held'
  end
  redis.call('SET', lock, token .. ' ' .. wanted, 'PX', ARGV[2])
  return 'locked'
end
local reply = { versions }
local arg = 5
for i = tags + 1, #KEYS, 2 do
  reply[#reply + 1] = take(KEYS[i], KEYS[i + 1], ARGV[arg], ARGV[arg + 1], wanted_versions(ARGV[arg + 2]))
  arg = arg + 3
end
return reply`,
  (reply) => {
    const [versions, ...kinds] = list(reply)
    return {
      versions: texts(list(versions)),
      kinds: texts(kinds).map((kind) => {
        if (!isLockKind(kind)) throw new TypeError('The script answered something else.')
        return kind
      }),
    }
  },
)

/** What became of a value: stored, not stored because the lock was lost, or refused with these words. */
export type CommitReply = true | false | Error

/**
 * Stores what was loaded, where the lock is still the loader's own: a delete or a later loader has taken it
 * away otherwise. The lock goes whatever comes of it, so that a full server does not keep it.
 *
 * KEYS   for each value: entry · lock
 * ARGV   for each value: own token, empty where there is no lock · the entry · its TTL in ms
 * reply  for each value: 1 stored · 0 the lock was lost · what the server says against it
 */
export const commitScript: Script<readonly CommitReply[]> = defineScript(
  `
local function commit(entry, lock, token, text, ttl)
  if token ~= '' then
    local held = redis.pcall('GET', lock)
    if type(held) ~= 'string' or string.sub(held, 1, ${idLength}) ~= token then return 0 end
  end
  local stored = redis.pcall('SET', entry, text, 'PX', ttl)
  if token ~= '' then redis.call('DEL', lock) end
  return stored.err or 1
end
local reply = {}
local arg = 1
for i = 1, #KEYS, 2 do
  reply[#reply + 1] = commit(KEYS[i], KEYS[i + 1], ARGV[arg], ARGV[arg + 1], ARGV[arg + 2])
  arg = arg + 3
end
return reply`,
  (reply) => list(reply).map((said) => (typeof said === 'number' ? said === 1 : new Error(String(said)))),
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
