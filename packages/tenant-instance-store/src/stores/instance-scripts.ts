import { defineScript, type Script } from '@stayfast/redis-kit'
import { applyLua } from './apply-lua.js'

/** What {@link applyScript} answers. */
export type ApplyReply =
  | {
      readonly kind: 'applied'
      readonly existed: boolean
      /** The whole document afterwards; undefined when there is none. */
      readonly json: string | undefined
      /** The stamp that the last operation got, or was given. */
      readonly stamp: string
    }
  | { readonly kind: 'too-large'; readonly bytes: number }
  /** It ran after its caller had given it up, and did nothing. */
  | { readonly kind: 'late' }
  /** The key holds what this package did not write. */
  | { readonly kind: 'foreign' }

function applyReply(reply: unknown): ApplyReply {
  if (!Array.isArray(reply)) throw new TypeError('The script answered no list.')
  const [kind, first, json, stamp] = reply.map(String)
  switch (kind) {
    case 'applied':
      return { kind, existed: first === '1', json: json === '' ? undefined : json, stamp: stamp ?? '' }
    case 'too-large':
      return { kind, bytes: Number(first) }
    case 'late':
    case 'foreign':
      return { kind }
    default:
      throw new TypeError('The script answered something else.')
  }
}

/**
 * Does operations to one instance, in their order, in one step.
 *
 * KEYS   the instance
 * ARGV   TTL in seconds · id as JSON · bytes that the document may take · µs of Redis time after which
 *        nothing is done any more, or '' · channel to tell of it, or '' · what to say of a change · what
 *        to say of a removal · then of each operation: its kind, its stamp or '' for now, how many
 *        fields, and of each field its name and value as JSON, an empty value removing it
 * reply  'applied', 1 if it was there before, the document or '', the stamp
 *        'too-large', bytes · 'late' · 'foreign'
 */
export const applyScript: Script<ApplyReply> = defineScript(applyLua, applyReply)

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
  Number,
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
