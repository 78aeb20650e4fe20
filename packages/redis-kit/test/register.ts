import { defineScript, type Intent, type RedisClient, type Script } from '../dist/index.js'

/** The smallest store that keeps the contract of the outbox: one value per key, the newest stamp wins. */
export type Operation = { readonly set: string } | { readonly remove: true } | { readonly poison: true }

// KEYS[1] register · ARGV stamp, 'set' | 'remove', value, … in order · reply: how many were applied
// A removal leaves its stamp behind, so that an older write cannot bring the value back.
const apply: Script<number> = defineScript(
  `
local applied = 0
local stored = redis.call('HGET', KEYS[1], 'stamp') or ''
for i = 1, #ARGV, 3 do
  if ARGV[i] > stored then
    stored = ARGV[i]
    applied = applied + 1
    if ARGV[i + 1] == 'set' then redis.call('HSET', KEYS[1], 'value', ARGV[i + 2])
    else redis.call('HDEL', KEYS[1], 'value') end
    redis.call('HSET', KEYS[1], 'stamp', stored)
  end
end
redis.call('PEXPIRE', KEYS[1], 600000)
return applied`,
  Number,
)

export async function replay(
  client: RedisClient,
  key: string,
  intents: readonly Intent<Operation>[],
): Promise<void> {
  const args = intents.flatMap(({ operation, stamp }) => {
    if ('poison' in operation) throw new TypeError('This operation can never be applied.')
    return 'set' in operation ? [stamp, 'set', operation.set] : [stamp, 'remove', '']
  })
  await apply.run(client, [key], args)
}

export async function read(client: RedisClient, key: string): Promise<string | undefined> {
  const [value] = await client.hmget(key, 'value')
  return value ?? undefined
}
