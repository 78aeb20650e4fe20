import { defineScript, type Script } from '@stayfast/redis-kit'
import type { Claim } from './receipt-store.js'

/** A receipt is one text: `claiming token fingerprint` or `accepted fingerprint`. None of them holds a space. */

function claimReply(reply: unknown): Claim {
  const [kind, ms] = Array.isArray(reply) ? reply.map(String) : []
  switch (kind) {
    case 'claimed':
    case 'duplicate':
    case 'conflict':
      return { kind }
    case 'claiming':
      return { kind, endsInMs: Number(ms) }
    default:
      throw new TypeError('The script answered something else.')
  }
}

/**
 * Claims an event in one step: of two processes that get it at the same instant one may put it into the
 * queue. A claim that runs after its caller has given it up leaves no lease that nobody would use.
 *
 * KEYS   the receipt
 * ARGV   fingerprint · token · lease in ms · µs of Redis time after which nothing is claimed, or ''
 * reply  'claimed' · 'duplicate' · 'conflict' · 'claiming' and the ms that the lease still has
 */
export const claimScript: Script<Claim> = defineScript(
  `
local receipt = redis.call('GET', KEYS[1])
if receipt == 'accepted ' .. ARGV[1] then return { 'duplicate' } end
if receipt and string.sub(receipt, 1, 9) == 'accepted ' then return { 'conflict' } end
if receipt == 'claiming ' .. ARGV[2] .. ' ' .. ARGV[1] then return { 'claimed' } end
if receipt then return { 'claiming', math.max(redis.call('PTTL', KEYS[1]), 0) } end
if ARGV[4] ~= '' then
  local time = redis.call('TIME')
  if time[1] * 1000000 + time[2] > tonumber(ARGV[4]) then return { 'claiming', 0 } end
end
redis.call('SET', KEYS[1], 'claiming ' .. ARGV[2] .. ' ' .. ARGV[1], 'PX', ARGV[3])
return { 'claimed' }
`,
  claimReply,
)

/**
 * Accepts an event that is in the queue. It does so under a lease that has run out, or that somebody else
 * holds by now, as long as the content is the same; it never changes what was accepted. So it may run late.
 *
 * KEYS   the receipt
 * ARGV   fingerprint · ms to remember it
 * reply  1 accepted now · 0 it was before, or holds another content
 */
export const acceptScript: Script<number> = defineScript(
  `
local receipt = redis.call('GET', KEYS[1])
if receipt then
  if string.sub(receipt, 1, 9) ~= 'claiming ' then return 0 end
  if string.sub(receipt, -#ARGV[1] - 1) ~= ' ' .. ARGV[1] then return 0 end
end
redis.call('SET', KEYS[1], 'accepted ' .. ARGV[1], 'PX', ARGV[2])
return 1
`,
  Number,
)

/**
 * Gives a claim back.
 *
 * KEYS   the receipt
 * ARGV   token
 * reply  1 given back · 0 it is not this token's
 */
export const releaseScript: Script<number> = defineScript(
  `
local mine = 'claiming ' .. ARGV[1] .. ' '
local receipt = redis.call('GET', KEYS[1])
if not receipt or string.sub(receipt, 1, #mine) ~= mine then return 0 end
return redis.call('DEL', KEYS[1])
`,
  Number,
)
