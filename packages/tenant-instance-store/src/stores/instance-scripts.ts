import { defineScript, type Script } from '@stayfast/redis-kit'

/**
 * One instance is one hash:
 *
 * ```
 *   json       the whole document as JSON, so that a read is one HMGET and one JSON.parse
 *   seen       when the TTL was last renewed, in ms of Redis' clock
 *   stamp      the stamp of the newest write; grows with every write
 *   f:"name"   for each field "<stamp> <JSON text>", the name as JSON too
 * ```
 *
 * Values are never decoded here: cjson turns [] into {} and rounds large numbers. The document is put
 * together from the fields' texts, which may be of any kind that is JSON, so an encrypted value is
 * just a text as well.
 *
 * A stamp is `max(stored + 1, Redis TIME in µs)`, in 16 digits, so that stamps compare as texts. What
 * stands behind the digits up to the space is free for the origin and sequence of a write that was
 * accepted while Redis was away; it then wins or loses field by field. A deleted instance leaves no key yet. Its tombstone will be this hash with `stamp`
 * and without `json`: every script and reader takes a hash without `json` for no instance, and the
 * next write goes on from its stamp.
 */
const prelude = `
local key = KEYS[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local function nextStamp(stored)
  local last = stored and tonumber(string.match(stored, '^%d+')) or 0
  return string.format('%016.0f', math.max(last + 1, now))
end

local function document(id, texts)
  local names = {}
  for name in pairs(texts) do names[#names + 1] = name end
  table.sort(names)
  local parts = { '{"id":', id }
  for _, name in ipairs(names) do
    parts[#parts + 1] = ','
    parts[#parts + 1] = name
    parts[#parts + 1] = ':'
    parts[#parts + 1] = texts[name]
  end
  parts[#parts + 1] = '}'
  return table.concat(parts)
end

local function finish(json, ttl)
  redis.call('HSET', key, 'json', json, 'seen', string.format('%.0f', math.floor(now / 1000)))
  redis.call('EXPIRE', key, ttl)
end
`

function integer(reply: unknown): number {
  if (typeof reply !== 'number') throw new TypeError('The script answered no number.')
  return reply
}

/** The key holds what is no instance and no tombstone. */
export const foreignKey: -1 = -1

/**
 * Replaces an instance, or creates it. Atomic, so that no reader sees old fields beside new ones.
 *
 * KEYS   the instance
 * ARGV   TTL in seconds · id as JSON · then name and value of each field, both as JSON
 * reply  1 created · 0 replaced · -1 the key holds something else
 */
export const replaceScript: Script<number> = defineScript(
  `${prelude}
local stored = redis.call('HMGET', key, 'stamp', 'json')
if not stored[1] and redis.call('EXISTS', key) == 1 then return -1 end
local stamp = nextStamp(stored[1])

-- The first write is one that a full server refuses, before DEL has taken anything away.
redis.call('HSET', key, 'stamp', stamp)
redis.call('DEL', key)
redis.call('HSET', key, 'stamp', stamp)

local texts = {}
for i = 3, #ARGV, 2 do
  texts[ARGV[i]] = ARGV[i + 1]
  redis.call('HSET', key, 'f:' .. ARGV[i], stamp .. ' ' .. ARGV[i + 1])
end
finish(document(ARGV[2], texts), ARGV[1])
if stored[2] then return 0 end
return 1
`,
  integer,
)

/** What {@link patchScript} answers. */
export type PatchReply =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'patched'; readonly json: string }
  | { readonly kind: 'too-large'; readonly bytes: number }

function patchReply(reply: unknown): PatchReply {
  if (typeof reply === 'string') return { kind: 'patched', json: reply }
  const bytes = integer(reply)
  return bytes === 0 ? { kind: 'unknown' } : { kind: 'too-large', bytes }
}

/**
 * Changes fields of an instance that exists. Atomic, so that two writers of different fields lose
 * nothing, and an update that meets a delete does not bring the instance back.
 *
 * KEYS   the instance
 * ARGV   TTL in seconds · id as JSON · bytes the document may take · then name and value of each
 *        field, both as JSON; an empty value removes the field
 * reply  the whole document · 0 no such instance · the bytes it would take when these are too many
 */
export const patchScript: Script<PatchReply> = defineScript(
  `${prelude}
local stored = redis.call('HGETALL', key)
local texts = {}
local stamp
local known = false
for i = 1, #stored, 2 do
  local name = stored[i]
  if name == 'json' then known = true
  elseif name == 'stamp' then stamp = nextStamp(stored[i + 1])
  elseif string.sub(name, 1, 2) == 'f:' then
    texts[string.sub(name, 3)] = string.sub(stored[i + 1], string.find(stored[i + 1], ' ', 1, true) + 1)
  end
end
if not known or not stamp then return 0 end

for i = 4, #ARGV, 2 do
  texts[ARGV[i]] = ARGV[i + 1] ~= '' and ARGV[i + 1] or nil
end
local json = document(ARGV[2], texts)
if #json > tonumber(ARGV[3]) then return #json end

redis.call('HSET', key, 'stamp', stamp)
for i = 4, #ARGV, 2 do
  if ARGV[i + 1] ~= '' then redis.call('HSET', key, 'f:' .. ARGV[i], stamp .. ' ' .. ARGV[i + 1])
  else redis.call('HDEL', key, 'f:' .. ARGV[i]) end
end
finish(json, ARGV[1])
return json
`,
  patchReply,
)

/**
 * Deletes an instance. A script and not DEL, so that it never deletes what is no instance; the
 * tombstone will be written here.
 *
 * KEYS   the instance
 * reply  1 deleted · 0 there was none
 */
export const removeScript: Script<number> = defineScript(
  `
if redis.call('HEXISTS', KEYS[1], 'json') == 0 then return 0 end
redis.call('DEL', KEYS[1])
return 1
`,
  integer,
)

/**
 * Renews the TTL. A script, so that a renewal that runs late never makes a key of its own.
 *
 * KEYS   the instance
 * ARGV   TTL in seconds
 * reply  1 renewed · 0 there is none
 */
export const renewScript: Script<number> = defineScript(
  `
if redis.call('HEXISTS', KEYS[1], 'json') == 0 then return 0 end
local time = redis.call('TIME')
-- EXPIRE first: a full server lets it through, and then the HSET of the same script.
redis.call('EXPIRE', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[1], 'seen', string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)))
return 1
`,
  integer,
)

/** What lies at the key of an instance. */
export type StoredRow =
  | { readonly kind: 'document'; readonly json: string; readonly seenMs: number }
  | { readonly kind: 'missing' }
  | { readonly kind: 'foreign' }

/** Takes a reply of `HMGET key json seen`. */
export function storedRow(reply: readonly unknown[]): StoredRow {
  const [json, seen] = reply
  return typeof json === 'string' ? { kind: 'document', json, seenMs: Number(seen) } : { kind: 'missing' }
}

function storedRows(reply: unknown): readonly StoredRow[] {
  if (!Array.isArray(reply)) throw new TypeError('The script answered no list.')
  return reply.map((row: unknown) => (Array.isArray(row) ? storedRow(row) : { kind: 'foreign' }))
}

/**
 * Reads many instances in one command. What is no hash does not spoil the others.
 *
 * KEYS   instances; on a cluster, of one slot
 * reply  for each key `json` and `seen`, or -1 when it is no hash
 */
export const readManyScript: Script<readonly StoredRow[]> = defineScript(
  `
local rows = {}
for i, key in ipairs(KEYS) do
  local row = redis.pcall('HMGET', key, 'json', 'seen')
  rows[i] = row.err and -1 or row
end
return rows
`,
  storedRows,
)
