import { setTimeout as delay } from 'node:timers/promises'
import { openLink } from '@stayfast/link-test-kit'
import t from 'tap'
import { startRedisServer } from '@stayfast/test-kit'
import type { RunDecision } from '../dist/algorithms/limit.js'
import { remembered } from '../dist/stores/limit-store.js'
import { MemoryLimitStore } from '../dist/stores/memory-limit-store.js'
import { RedisLimitStore } from '../dist/stores/redis-limit-store.js'
import { limitStoreContract } from './limit-store-contract.js'

/** Calendar windows of it do not end in the middle of a test. */
const longUs = 1000 * 86_400_000_000
const memory = new MemoryLimitStore(1000, () => Date.now() * 1000)
limitStoreContract(t, 'memory', () => memory)

t.test('memory keeps at most so many counters, and forgets the one that was longest quiet', async (t) => {
  const small = new MemoryLimitStore(2, () => Date.now() * 1000)
  const limit = { algorithm: 'sliding-window', max: 1, burst: 1, windowUs: 9e8 } as const
  const admits = (key: string): number | undefined =>
    small.decideNow({ policy: 'p', key }, limit, [{ cost: 1, count: 1 }]).runs[0]?.admitted
  t.same([admits('a'), admits('b'), admits('a'), admits('c')], [1, 1, 0, 1])
  t.same([admits('a'), admits('b')], [0, 1])
})

t.test('a long key takes as little memory as a short one, and is none but itself', async (t) => {
  const long = 'x'.repeat(10_000)
  const keys = [long, `${long}y`, `${long}\ud800`, `${long}\ud801`, 'x', '', 'y'.repeat(256), 'y'.repeat(257)]
  const names = keys.map((key) => remembered(key))
  t.ok(names.every(({ length }) => length <= 257))
  t.equal(new Set(names).size, keys.length)
  t.same(names.map((name) => remembered(name)).slice(4, 7), keys.slice(4, 7))
  t.notSame(
    names.map((name) => remembered(name)).slice(0, 4),
    names.slice(0, 4),
    'what stands for one is another key itself',
  )
})

const server = await startRedisServer({}, t)
const link = await openLink(t, server.url, { heartbeatMs: false, deadlineMs: 20_000 })
const store = new RedisLimitStore(link)
limitStoreContract(t, 'redis', () => store)

for (const algorithm of ['sliding-window', 'gcra', 'fixed-window'] as const) {
  const limit = { algorithm, max: 1, burst: 1, windowUs: 900_000_000 } as const
  const letter = algorithm.charAt(0)

  t.test(`redis: ${algorithm}: a decision is one command on one key`, async (t) => {
    const id = { policy: `cost-${algorithm}`, key: 'a' }
    await store.decide({ policy: 'warm', key: algorithm }, limit, [{ cost: 1, count: 1 }])
    t.same(
      await server.countCommands(async () => {
        for (let i = 0; i < 3; i += 1) await store.decide(id, limit, [{ cost: 1, count: 2 }])
      }),
      { evalsha: 3 },
    )
    t.same(await server.command('keys', `rate:cost-${algorithm}:*`), [
      `rate:cost-${algorithm}:${letter}900000:a`,
    ])
  })

  t.test(
    `redis: ${algorithm}: the time is that of Redis: a process whose clock is wrong counts like the others`,
    async (t) => {
      const id = { policy: 'clock', key: algorithm }
      const decide = async (): Promise<RunDecision | undefined> =>
        (await store.decide(id, { ...limit, windowUs: longUs }, [{ cost: 1, count: 1 }])).runs[0]
      t.equal((await decide())?.admitted, 1)
      const before = (await decide())?.retryUs ?? 0
      const { now } = Date
      t.intercept(Date, 'now', { value: () => now() + 2 * (longUs / 1000) })
      const after = await decide()
      t.equal(after?.admitted, 0)
      t.ok(Math.abs((after?.retryUs ?? 0) - before) < 60_000_000, `${before} and ${after?.retryUs ?? 0}`)
    },
  )

  t.test(`redis: ${algorithm}: the wait of a refused client runs down by the time of Redis`, async (t) => {
    const id = { policy: 'wait', key: algorithm }
    const waitUs = async (): Promise<number> => {
      const { runs } = await store.decide(id, { ...limit, windowUs: longUs }, [{ cost: 1, count: 1 }])
      return runs[0]?.retryUs ?? 0
    }
    await waitUs()
    const before = await waitUs()
    await delay(100)
    const passedUs = before - (await waitUs())
    t.ok(passedUs > 90_000, `${passedUs} µs`)
  })

  t.test(`redis: ${algorithm}: a key that lost its TTL gets one again, admitted or refused`, async (t) => {
    const id = { policy: 'ttl', key: algorithm }
    const key = `rate:ttl:${letter}900000:${algorithm}`
    await store.decide(id, limit, [{ cost: 1, count: 1 }])
    const ttl = async (): Promise<number> => Number(await server.command('pttl', key))
    t.ok((await ttl()) > 0)
    await server.command('persist', key)
    t.equal(await ttl(), -1)
    t.equal((await store.decide(id, limit, [{ cost: 1, count: 1 }])).runs[0]?.admitted, 0)
    t.ok((await ttl()) > 0, 'refused')
    await server.command('persist', key)
    await store.decide(id, { ...limit, max: 9, burst: 9 }, [{ cost: 1, count: 1 }])
    t.ok((await ttl()) > 0, 'admitted')
    t.ok((await ttl()) <= 3 * 900_000)
  })
}
