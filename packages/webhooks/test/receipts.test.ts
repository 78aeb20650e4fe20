import { openLink } from '@stayfast/link-test-kit'
import { longRuns, reaches, startCluster, startRedisServer } from '@stayfast/test-kit'
import fc from 'fast-check'
import { Cluster, Redis } from 'ioredis'
import { adoptClient, type RedisLink } from '@stayfast/redis-kit'
import t from 'tap'
import { MemoryReceiptStore } from '../dist/receipts/memory-receipt-store.js'
import type { ReceiptStore } from '../dist/receipts/receipt-store.js'
import { RedisReceiptStore } from '../dist/receipts/redis-receipt-store.js'
import { receiptStoreContract } from './receipt-store-contract.js'

const server = await startRedisServer({}, t)
const redis = new Redis(server.url)
t.teardown(() => {
  redis.disconnect()
})
const key = { provider: 'shopify', tenantId: 'one.example.test', id: 'w-1' }
const times = { claimSeconds: 10, rememberSeconds: 7 * 86_400 }

/** Receipts of a test of its own on a server or Cluster that others use as well. */
let stores = 0
function storeOn(link: RedisLink, given = times): RedisReceiptStore {
  stores += 1
  return new RedisReceiptStore({ link, keyPrefix: `test${stores}:`, ...given })
}

t.test('in memory', async (t) => {
  receiptStoreContract(t, async (_t, times) => new MemoryReceiptStore({ ...times, maxReceipts: 1000 }))

  t.test('at its limit the memory forgets what was used longest ago', async (t) => {
    const store = new MemoryReceiptStore({ ...times, maxReceipts: 2 })
    const claims = async (id: string): Promise<string> => (await store.claim({ ...key, id }, 'f', 'x')).kind
    for (const id of ['1', '2']) await store.accept({ ...key, id }, 'f')
    t.equal(await claims('1'), 'duplicate')
    await store.accept({ ...key, id: '3' }, 'f')
    t.equal(await claims('1'), 'duplicate')
    t.equal(await claims('2'), 'claimed')
  })
})

t.test('on one server', async (t) => {
  const link = await openLink(t, server.url)
  receiptStoreContract(t, async (_t, times) => storeOn(link, times))

  t.test('a receipt lies where operators look for it, and expires', async (t) => {
    await redis.flushall()
    const store = new RedisReceiptStore({ link, keyPrefix: '', ...times })
    await store.claim(key, 'f', 'one')
    const name = 'webhook:shopify:one.example.test:w-1'
    t.strictSame(await redis.keys('*'), [name])
    t.ok((await redis.pttl(name)) <= 10_000)
    await store.accept(key, 'f')
    t.ok((await redis.ttl(name)) > 6 * 86_400)
  })

  t.test('each call is one command', async (t) => {
    const quiet = await openLink(t, server.url, { heartbeatMs: false })
    const store = storeOn(quiet)
    await store.claim(key, 'f', 'one')
    await store.release(key, 'one')
    await store.claim(key, 'f', 'one')
    await store.accept(key, 'f')
    const commands = await server.countCommands(async () => {
      await store.claim(key, 'f', 'two')
      await store.accept(key, 'f')
      await store.release(key, 'two')
    })
    t.strictSame(commands, { evalsha: 3 })
  })

  t.test('a claim that runs long after its caller gave it up claims nothing', async (t) => {
    const late = await openLink(t, server.url, { heartbeatMs: false })
    const store = storeOn(late)
    t.match(await store.claim(key, 'f', 'one'), { kind: 'claimed' })
    const nowUs = late.clock.nowUs.bind(late.clock)
    late.clock.nowUs = () => nowUs() - 60_000_000
    t.match(await store.claim({ ...key, id: 'w-2' }, 'f', 'late'), { kind: 'claiming', endsInMs: 0 })
    late.clock.nowUs = nowUs
    t.match(await store.claim({ ...key, id: 'w-2' }, 'f', 'retry'), { kind: 'claimed' })
  })

  t.test('whatever comes in whatever order, memory and Redis say the same', async (t) => {
    const step = fc.record({
      call: fc.constantFrom('claim', 'accept', 'release'),
      token: fc.constantFrom('one', 'two'),
      fingerprint: fc.constantFrom('f', 'g'),
    })
    const told = async (
      store: ReceiptStore,
      { call, token, fingerprint }: { call: string; token: string; fingerprint: string },
    ): Promise<string> => {
      if (call === 'accept') await store.accept(key, fingerprint)
      else if (call === 'release') await store.release(key, token)
      else return (await store.claim(key, fingerprint, token)).kind
      return call
    }
    let operations = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const memory = new MemoryReceiptStore({ ...times, maxReceipts: 10 })
        const shared = storeOn(link)
        operations += steps.length
        for (const each of steps) {
          const [one, other] = [await told(memory, each), await told(shared, each)]
          if (one !== other) throw new Error(`memory: ${one}, Redis: ${other}`)
        }
      }),
      { numRuns: longRuns({ short: 150, long: 20_000 }) },
    )
    t.comment(`operations: ${operations}`)
  })
})

t.test('on a server with one database', async (t) => {
  const upstash = await startRedisServer({ upstashLike: true }, t)
  const link = await openLink(t, upstash.url)
  receiptStoreContract(t, async (_t, times) => storeOn(link, times))
})

t.test('on a Cluster', async (t) => {
  const rig = await startCluster({}, t)
  const cluster = new Cluster(rig.nodes.map(({ host, port }) => ({ host, port })))
  t.teardown(() => {
    cluster.disconnect()
  })
  const link = adoptClient(cluster, { name: 'webhook' })
  t.teardown(() => link.close())
  await reaches(link, 'up')
  receiptStoreContract(t, async (_t, times) => storeOn(link, times))
})
