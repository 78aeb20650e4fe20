import { startRedisServer } from '@stayfast/test-kit'
import { Redis } from 'ioredis'
import type { Test } from 'tap'

/** Where `programs/worker-app` counts its runs and leaves its effects: beside its queue, in database 5. */
export async function startEffects(t: Test): Promise<{ url: string; effects: Redis }> {
  const server = await startRedisServer({ appendOnly: true }, t)
  const effects = new Redis(server.url, { db: 5 })
  t.teardown(() => {
    effects.disconnect()
  })
  return { url: server.url, effects }
}
