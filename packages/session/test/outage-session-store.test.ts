import { startLink } from '@stayfast/link-test-kit'
import {
  eventually,
  freePort,
  reaches,
  type RedisServer,
  startFaultProxy,
  startRedisServer,
  startStopwatch,
} from '@stayfast/test-kit'
import { Redis } from 'ioredis'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { SessionAddress } from '../dist/session-id.js'
import { openSessionProcess, sessionProcess, type SessionProcess } from './open-session-process.js'
import {
  change,
  lifetimes,
  newAddress,
  sessionStoreContract,
  signedIn,
  visitor,
} from './session-store-contract.js'

const away = 'STAY_SESSION_UNAVAILABLE'

function client(t: Test, url: string): Redis {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: null })
  redis.on('error', () => undefined)
  t.teardown(() => {
    redis.disconnect()
  })
  return redis
}

/** Waits until processes hear each other: what they load from now on counts. */
async function hear(...processes: readonly SessionProcess[]): Promise<void> {
  for (const { store } of processes) await store.listening(10_000)
}

async function down(process: SessionProcess): Promise<void> {
  await eventually(() => process.link.status !== 'up', { withinMs: 10_000 })
}

t.test('the contract of all stores', async (t) => {
  const server = await startRedisServer({}, t)
  const redis = client(t, server.url)
  sessionStoreContract(t, {
    durability: 'redis',
    create: async (t, given) => {
      await redis.flushall()
      const { store } = await openSessionProcess(t, server.url, given)
      return {
        store,
        later: async (ms) => {
          for (const key of await redis.keys('sess:*')) {
            if ((await redis.type(key)) !== 'hash') continue
            await redis.hincrby(key, 'c', -ms)
            await redis.hincrby(key, 's', -ms)
          }
        },
        nowUs: async () => {
          const [seconds, micros] = await redis.time()
          return Number(seconds) * 1_000_000 + Number(micros)
        },
      }
    },
  })
})

for (const [fault, hurt] of [
  ['killed', (server) => server.kill()],
  ['frozen', async (server) => server.freeze()],
] as const satisfies [string, (server: RedisServer) => Promise<unknown>][]) {
  t.test(
    `with Redis ${fault} a session that it confirmed lately goes on, and of others nothing is known`,
    async (t) => {
      const server = await startRedisServer({}, t)
      const one = await openSessionProcess(t, server.url)
      const other = await openSessionProcess(t, server.url)
      const [known, unknown] = [newAddress(), newAddress('bob')]
      await hear(one, other)
      await one.store.create(known, signedIn({ a: 1 }))
      await other.store.create(unknown, signedIn())
      t.match(await one.store.load(known), { verified: true })
      await hurt(server)
      t.strictSame(await one.answer(known), { a: 1 })
      t.match(await one.store.load(known), { verified: false })
      t.equal(await one.answer(unknown), away)
      const elapsedMs = startStopwatch()
      for (let round = 0; round < 20; round += 1) {
        t.strictSame(await one.answer(known), { a: 1 })
        t.equal(await one.answer(unknown), away)
      }
      t.ok(elapsedMs() < 1000, 'and nobody waits for it')
      await t.rejects(one.store.list(known.tag), { code: away, headers: { 'retry-after': '2' } })
      await t.rejects(one.store.create(newAddress(), signedIn()), { code: away })
      if (server.running) server.thaw()
    },
  )
}

t.test("with onOutage 'closed' nobody is known, and only ends are accepted", async (t) => {
  const server = await startRedisServer({ appendOnly: true }, t)
  const process = await openSessionProcess(t, server.url, { onOutage: 'closed' })
  const address = newAddress()
  await process.store.create(address, signedIn())
  t.strictSame(await process.answer(address), {})
  await server.kill()
  await down(process)
  t.equal(await process.answer(address), away)
  await t.rejects(process.store.save(address, change({ a: 1 })), { code: away })
  await t.rejects(process.store.create(newAddress(), visitor()), { code: away })
  t.match(await process.store.destroy(address), { durability: 'buffered' })
  t.equal(await process.answer(address), 'gone')
  await server.restart({ keepData: true })
  await eventually(() => process.store.buffered === 0)
  const other = await openSessionProcess(t, server.url)
  t.equal(await other.answer(address), 'gone')
})

t.test('a session that Redis confirmed too long before it went is not known', async (t) => {
  const server = await startRedisServer({}, t)
  const process = await openSessionProcess(t, server.url, { localTrustSeconds: 2 })
  await hear(process)
  const [old, fresh] = [newAddress(), newAddress()]
  await process.store.create(old, signedIn())
  await delay(2200)
  await process.store.create(fresh, signedIn())
  await server.kill()
  await down(process)
  t.equal(await process.answer(old), away)
  t.strictSame(await process.answer(fresh), {})
})

t.test('an outage is lived through for so long, and then nobody is known', async (t) => {
  const server = await startRedisServer({ appendOnly: true }, t)
  const process = await openSessionProcess(t, server.url, { localMaxSeconds: 2 })
  await hear(process)
  const address = newAddress()
  await process.store.create(address, signedIn())
  await server.kill()
  await down(process)
  const downMs = performance.now()
  t.strictSame(await process.answer(address), {})
  await eventually(async () => (await process.answer(address)) === away)
  t.ok(performance.now() - downMs > 1500)
  await server.restart({ keepData: true })
  await reaches(process.link, 'up')
  t.strictSame(await process.answer(address), {}, 'and nobody was signed out')
})

const ends: readonly (readonly [
  string,
  (store: SessionProcess['store'], address: SessionAddress) => Promise<unknown>,
])[] = [
  ['ended', (store, address) => store.destroy(address)],
  ['revoked', (store, { tag }) => store.revokeAll(tag)],
  ['replaced', (store, { digest }) => store.create(newAddress(), { ...signedIn(), replaces: digest })],
]

for (const [how, end] of ends) {
  t.test(`a session that another process has ${how} is not known when Redis goes`, async (t) => {
    const server = await startRedisServer({}, t)
    const [one, other] = [await openSessionProcess(t, server.url), await openSessionProcess(t, server.url)]
    await hear(one, other)
    const address = newAddress()
    await one.store.create(address, signedIn())
    t.strictSame(await one.answer(address), {})
    await end(other.store, address)
    await delay(50)
    await server.kill()
    await down(one)
    t.equal(await one.answer(address), 'gone')
    t.equal(await one.store.save(address, change({ a: 1 })), 'gone')
  })
}

t.test('a session that had to make room in another process is not known when Redis goes', async (t) => {
  const server = await startRedisServer({}, t)
  const few = { maxSessionsPerUser: 1 }
  const [one, other] = [
    await openSessionProcess(t, server.url, few),
    await openSessionProcess(t, server.url, few),
  ]
  await hear(one, other)
  const address = newAddress()
  await one.store.create(address, signedIn())
  await other.store.create(newAddress(), signedIn())
  await delay(50)
  await server.kill()
  await down(one)
  t.equal(await one.answer(address), 'gone')
})

t.test('a process that was deaf to the others trusts nothing it remembers', async (t) => {
  const server = await startRedisServer({}, t)
  const proxy = await startFaultProxy({ host: server.host, port: server.port }, t)
  const openSubscriber = (): Redis =>
    new Redis(proxy.url(server.url), {
      lazyConnect: true,
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
    })
  const deaf = await openSessionProcess(t, server.url, {}, { openSubscriber })
  const other = await openSessionProcess(t, server.url)
  await hear(deaf, other)
  const address = newAddress()
  await deaf.store.create(address, signedIn())
  t.strictSame(await deaf.answer(address), {})
  proxy.blackHole()
  // Its lease of 2 s runs out, and it goes on talking to Redis for longer than another.
  await delay(5000)
  await other.store.destroy(address)
  await server.kill()
  await down(deaf)
  t.equal(await deaf.answer(address), away)
})

t.test('a process whose subscription was interrupted trusts nothing from before', async (t) => {
  const server = await startRedisServer({}, t)
  const proxy = await startFaultProxy({ host: server.host, port: server.port }, t)
  const openSubscriber = (): Redis =>
    new Redis(proxy.url(server.url), {
      lazyConnect: true,
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
      retryStrategy: () => 50,
    })
  const process = await openSessionProcess(t, server.url, {}, { openSubscriber })
  const other = await openSessionProcess(t, server.url)
  await hear(process, other)
  const [ended, unasked, asked] = [newAddress(), newAddress('bob'), newAddress('eve')]
  for (const address of [ended, unasked, asked]) await process.store.create(address, signedIn())
  await proxy.refuse()
  await other.store.destroy(ended)
  await proxy.restore()
  await delay(300)
  await hear(process)
  t.strictSame(await process.answer(asked), {})
  await server.kill()
  await down(process)
  t.equal(await process.answer(ended), away)
  t.equal(await process.answer(unasked), away)
  t.strictSame(await process.answer(asked), {}, 'but what was confirmed since')
})

t.test('an answer of Redis that is overtaken by an end counts for nothing', async (t) => {
  const server = await startRedisServer({}, t)
  const proxy = await startFaultProxy({ host: server.host, port: server.port }, t)
  const openSubscriber = (): Redis => new Redis(server.url, { lazyConnect: true })
  const slow = await openSessionProcess(t, proxy.url(server.url), {}, { openSubscriber, deadlineMs: 5000 })
  const other = await openSessionProcess(t, server.url)
  await hear(slow, other)
  const address = newAddress()
  await other.store.create(address, signedIn())
  proxy.latency(1200)
  const answer = slow.answer(address)
  await delay(900)
  await other.store.destroy(address)
  t.equal(await answer, 'gone')
  await server.kill()
  await down(slow)
  t.equal(await slow.answer(address), 'gone')
})

t.test(
  'who signs out while Redis is away is signed out here at once, and everywhere when it is back',
  async (t) => {
    const server = await startRedisServer({ appendOnly: true }, t)
    const [one, other] = [await openSessionProcess(t, server.url), await openSessionProcess(t, server.url)]
    const [first, second, bob] = [newAddress(), newAddress(), newAddress('bob')]
    await hear(one, other)
    for (const address of [first, second, bob]) {
      await one.store.create(address, signedIn())
      await other.store.load(address)
    }
    await server.kill()
    await down(one)
    await down(other)
    t.match(await one.store.destroy(bob), { durability: 'buffered' })
    t.match(await one.store.revokeAll(first.tag, second.digest), { durability: 'buffered' })
    t.equal(await one.answer(bob), 'gone')
    t.equal(await one.answer(first), 'gone')
    t.strictSame(await one.answer(second), {})
    t.match(await other.store.save(first, change({ late: 1 })), 'saved', 'the other process cannot know')
    await server.restart({ keepData: true })
    await eventually(() => one.store.buffered + other.store.buffered === 0, { withinMs: 10_000 })
    for (const process of [one, other]) {
      t.equal(await process.answer(bob), 'gone')
      t.equal(await process.answer(first), 'gone', 'a revocation wins over what was written meanwhile')
      t.strictSame(await process.answer(second), {})
    }
  },
)

t.test('what is written while Redis is away is there at once, and in Redis when it is back', async (t) => {
  const server = await startRedisServer({ appendOnly: true }, t)
  const [one, other] = [await openSessionProcess(t, server.url), await openSessionProcess(t, server.url)]
  const address = newAddress()
  await hear(one, other)
  await one.store.create(address, signedIn({ a: 0, b: 0, c: 0 }))
  await other.store.load(address)
  await server.kill()
  await down(one)
  await down(other)
  t.equal(await one.store.save(address, change({ a: 1 })), 'saved')
  t.equal(await other.store.save(address, change({ b: 2, c: undefined })), 'saved')
  t.strictSame(await one.answer(address), { a: 1, b: 0, c: 0 })
  await server.restart({ keepData: true })
  await eventually(() => one.store.buffered + other.store.buffered === 0, { withinMs: 10_000 })
  for (const process of [one, other]) t.strictSame(await process.answer(address), { a: 1, b: 2 })
})

t.test('a revocation that waited ends what there was, and nobody who signed in after it', async (t) => {
  const server = await startRedisServer({ appendOnly: true }, t)
  const proxy = await startFaultProxy({ host: server.host, port: server.port }, t)
  const cutOff = await openSessionProcess(t, proxy.url(server.url))
  const other = await openSessionProcess(t, server.url)
  await hear(cutOff, other)
  const [before, after] = [newAddress(), newAddress()]
  await other.store.create(before, signedIn())
  await delay(150)
  await proxy.refuse()
  await down(cutOff)
  t.match(await cutOff.store.revokeAll(before.tag), { durability: 'buffered' })
  await delay(150)
  await other.store.create(after, signedIn())
  await proxy.restore()
  await eventually(() => cutOff.store.buffered === 0, { withinMs: 10_000 })
  t.equal(await other.answer(before), 'gone')
  t.strictSame(await other.answer(after), {})
})

t.test('a write that timed out does not run after the thaw over a newer one', async (t) => {
  const server = await startRedisServer({}, t)
  const process = await openSessionProcess(t, server.url)
  await hear(process)
  const address = newAddress()
  await process.store.create(address, visitor({ a: 0 }))
  server.freeze()
  t.equal(await process.store.save(address, change({ a: 'given up' })), 'saved')
  t.equal(await process.store.save(address, change({ a: 'newer' })), 'saved')
  server.thaw()
  await eventually(() => process.store.buffered === 0 && process.link.status === 'up', { withinMs: 10_000 })
  t.strictSame(await process.answer(address), { a: 'newer' })
})

t.test(
  'a Redis that came back empty signs people out, and no copy brings them back in the next outage',
  async (t) => {
    const server = await startRedisServer({}, t)
    const process = await openSessionProcess(t, server.url)
    await hear(process)
    const [asked, unasked] = [newAddress(), newAddress('bob')]
    for (const address of [asked, unasked]) await process.store.create(address, signedIn())
    await server.kill()
    await down(process)
    t.equal(await process.store.save(asked, change({ a: 1 })), 'saved')
    await server.restart()
    await reaches(process.link, 'up')
    await eventually(() => process.store.buffered === 0)
    t.equal(await process.answer(asked), 'gone', 'and what was written meanwhile does not make it')
    await server.kill()
    await down(process)
    t.equal(await process.answer(unasked), away)
  },
)

t.test('a Redis that is emptied under way is noticed by the first session that is missing', async (t) => {
  const server = await startRedisServer({}, t)
  const process = await openSessionProcess(t, server.url)
  await hear(process)
  const [asked, unasked] = [newAddress(), newAddress('bob')]
  for (const address of [asked, unasked]) await process.store.create(address, signedIn())
  await server.command('flushall')
  t.equal(await process.answer(asked), 'gone')
  await eventually(() => process.store.remembered === 0)
  await server.kill()
  await down(process)
  t.equal(await process.answer(unasked), away)
})

t.test('a sign-out that Redis lost again is repeated', async (t) => {
  const server = await startRedisServer({}, t)
  const redis = client(t, server.url)
  const proxy = await startFaultProxy({ host: server.host, port: server.port }, t)
  const process = await openSessionProcess(t, proxy.url(server.url))
  const [ended, revoked, kept] = [newAddress(), newAddress('bob'), newAddress('eve')]
  for (const address of [ended, revoked, kept]) await process.store.create(address, signedIn())
  const keys = (await redis.keys('sess:{*')).filter((key) => !key.endsWith(':i'))
  const before = await Promise.all(keys.map(async (key) => [key, await redis.hgetall(key)] as const))
  await process.store.destroy(ended)
  await process.store.revokeAll(revoked.tag)
  t.equal((await redis.keys('sess:{*')).filter((key) => /:[\w-]{43}$/.test(key)).length, 1)

  // A failover that lost the last moments.
  await proxy.refuse()
  await down(process)
  await redis.flushall()
  for (const [key, hash] of before) await redis.hset(key, hash)
  for (const { tag, digest } of [ended, revoked, kept]) await redis.zadd(`sess:{${tag}}:i`, 1, digest)
  await proxy.restore()
  await reaches(process.link, 'up', 10_000)
  await eventually(() => process.store.buffered === 0)

  const other = await openSessionProcess(t, server.url)
  t.equal(await other.answer(ended), 'gone')
  t.equal(await other.answer(revoked), 'gone')
  t.strictSame(await other.answer(kept), {})
})

t.test(
  'when too much waits new writes are refused, ends go on for a while, and nothing accepted is lost',
  async (t) => {
    const server = await startRedisServer({ appendOnly: true }, t)
    const process = await openSessionProcess(t, server.url, { maxBufferedWrites: 10 })
    await hear(process)
    const address = newAddress()
    await process.store.create(address, signedIn())
    const others = [newAddress('bob'), newAddress('eve'), newAddress('mallory')]
    for (const each of others) await process.store.create(each, signedIn())
    await server.kill()
    await down(process)
    for (let write = 0; write < 8; write += 1) {
      t.equal(await process.store.save(address, change({ write })), 'saved')
    }
    await t.rejects(process.store.save(address, change({ write: 9 })), { code: away })
    await t.rejects(process.store.create(newAddress(), visitor()), { code: away })
    t.match(await process.store.destroy(others[0] ?? address), { durability: 'buffered' })
    t.match(await process.store.destroy(others[1] ?? address), { durability: 'buffered' })
    await t.rejects(process.store.destroy(others[2] ?? address), {
      code: away,
      cause: { code: 'STAY_OUTBOX_FULL' },
    })
    await server.restart({ keepData: true })
    await eventually(() => process.store.buffered === 0)
    t.strictSame(await process.answer(address), { write: 7 })
    t.equal(await process.answer(others[0] ?? address), 'gone')
  },
)

t.test('a visitor who comes while Redis is away is known here, and everywhere when it is back', async (t) => {
  const server = await startRedisServer({ appendOnly: true }, t)
  const [one, other] = [await openSessionProcess(t, server.url), await openSessionProcess(t, server.url)]
  await hear(one, other)
  await server.kill()
  await down(one)
  await down(other)
  const address = newAddress('visitor')
  t.match(await one.store.create(address, visitor({ a: 1 })), { kind: 'created', durability: 'buffered' })
  t.equal(await one.store.save(address, change({ b: 2 })), 'saved')
  t.strictSame(await one.answer(address), { a: 1, b: 2 })
  t.equal(await other.answer(address), away)
  await server.restart({ keepData: true })
  await eventually(async () => JSON.stringify(await other.answer(address)) === '{"a":1,"b":2}', {
    withinMs: 10_000,
  })
})

t.test(
  'a process that never saw Redis says that it cannot know, and accepts only what needs no time',
  async (t) => {
    const port = await freePort()
    const link = startLink(t, `redis://127.0.0.1:${port}`)
    await reaches(link, 'down')
    const process = sessionProcess(t, link)
    const address = newAddress()
    t.equal(await process.answer(address), away)
    await t.rejects(process.store.revokeAll(address.tag), { code: away })
    t.match(await process.store.destroy(address), { durability: 'buffered' })
    const server = await startRedisServer({ port }, t)
    await reaches(link, 'up')
    await eventually(() => process.store.buffered === 0)
    t.match(await process.store.create(newAddress(), signedIn()), { kind: 'created', durability: 'redis' })
    t.ok(server.running)
  },
)

t.test('a full server refuses writes, which wait, and lets sessions end', async (t) => {
  const server = await startRedisServer({}, t)
  const process = await openSessionProcess(t, server.url)
  const [one, other] = [newAddress(), newAddress('bob')]
  for (const address of [one, other]) await process.store.create(address, signedIn({ a: 1 }))
  await server.command('config', 'set', 'maxmemory', '1')
  t.equal(await process.store.save(one, change({ a: 2 })), 'saved')
  t.strictSame(await process.answer(one), { a: 2 })
  t.match(await process.store.destroy(other), { durability: 'redis' })
  await server.command('config', 'set', 'maxmemory', '0')
  await eventually(() => process.store.buffered === 0)
  t.strictSame(await process.answer(one), { a: 2 })
})

t.test('a session that was revoked here, of which Redis has not been told yet, is not let in', async (t) => {
  const server = await startRedisServer({}, t)
  const [one, other] = [await openSessionProcess(t, server.url), await openSessionProcess(t, server.url)]
  const [known, unknown] = [newAddress(), newAddress()]
  await one.store.create(known, signedIn())
  await other.store.create(unknown, signedIn())
  await server.command('config', 'set', 'maxmemory', '1')
  // What the full server refuses holds up what comes behind it.
  t.equal(await one.store.save(known, change({ a: 1 })), 'saved')
  t.match(await one.store.revokeAll(known.tag), { durability: 'buffered' })
  t.equal(await one.answer(unknown), 'gone')
  t.strictSame(await one.store.list(known.tag), [])
  t.strictSame(await other.answer(unknown), {})
  await server.command('config', 'set', 'maxmemory', '0')
  await eventually(async () => (await other.answer(unknown)) === 'gone')
})

t.test('a session does not outlive its idle or absolute time in an outage', async (t) => {
  const server = await startRedisServer({}, t)
  const process = await openSessionProcess(t, server.url, {
    ...lifetimes,
    idleSeconds: 3,
    absoluteSeconds: 3,
    renewEverySeconds: 1,
  })
  await hear(process)
  const address = newAddress()
  await process.store.create(address, signedIn())
  await server.kill()
  await down(process)
  t.strictSame(await process.answer(address), {})
  await eventually(async () => (await process.answer(address)) === away)
})
