import { isDeepStrictEqual } from 'node:util'
import { openLink } from '@stayfast/link-test-kit'
import {
  eventually,
  freePort,
  reaches,
  startFaultProxy,
  startRedisServer,
  startStopwatch,
} from '@stayfast/test-kit'
import t from 'tap'
import { openProcess, storeProcess } from './open-outage-store.js'

/** Shorter than the default, so that a frozen server is noticed soon. */
const quick = { deadlineMs: 300, heartbeatMs: 200 }

t.test(
  'an instance that is known here goes on being known while Redis is away, however it went',
  async (t) => {
    const faults = {
      killed: (server) => server.kill(),
      frozen: (server) => {
        server.freeze()
      },
    } as const satisfies Record<string, (server: Awaited<ReturnType<typeof startRedisServer>>) => unknown>
    for (const [fault, hurt] of Object.entries(faults)) {
      const server = await startRedisServer({}, t)
      const { instances, answer, link } = await openProcess(t, server.url, {}, quick)
      await instances.save({ id: 'a', plan: 'pro' })
      await hurt(server)
      const elapsedMs = startStopwatch()
      t.strictSame(await answer('a'), { id: 'a', plan: 'pro' }, fault)
      t.ok(elapsedMs() < 1000, 'within the deadline')
      await reaches(link, 'down')
      t.strictSame(await answer('a'), { id: 'a', plan: 'pro' }, fault)
      t.equal(
        await answer('b'),
        'STAY_INSTANCE_UNKNOWN',
        'what is not known here is unknown, never "not found"',
      )
    }
  },
)

t.test(
  'a save while Redis is away is buffered, answered from here at once, and in Redis when it is back',
  async (t) => {
    const server = await startRedisServer({ appendOnly: true }, t)
    const { instances, answer, link, store } = await openProcess(t, server.url)
    await server.kill()
    await reaches(link, 'down')
    t.strictSame(await instances.save({ id: 'a', plan: 'pro' }), { durability: 'buffered', created: true })
    t.strictSame(await instances.update('a', { plan: 'max', seats: 3 }), {
      durability: 'buffered',
      instance: { id: 'a', plan: 'max', seats: 3 },
    })
    t.strictSame(await answer('a'), { id: 'a', plan: 'max', seats: 3 })
    t.equal(store.buffered, 2)
    await server.restart({ keepData: true })
    await eventually(() => store.buffered === 0, { withinMs: 5000 })
    t.equal(String(await server.command('HGET', 'instance:a', 'json')), '{"id":"a","plan":"max","seats":3}')
    t.ok(Number(await server.command('TTL', 'instance:a')) > 29 * 86_400)
    const other = await openProcess(t, server.url)
    t.strictSame(await other.answer('a'), { id: 'a', plan: 'max', seats: 3 })
    t.strictSame(await instances.save({ id: 'a', plan: 'pro' }), { durability: 'redis', created: false })
  },
)

t.test('a process that never saw Redis accepts writes, and they lose to what is there', async (t) => {
  const port = await freePort()
  const { Redis } = await import('ioredis')
  const { ClientLink, reconnectDelay } = await import('@stayfast/redis-kit')
  const client = new Redis({
    port,
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: reconnectDelay,
  })
  const link = new ClientLink({
    name: 'default',
    client,
    owned: true,
    openSubscriber: () => client.duplicate(),
  })
  t.teardown(() => link.close())
  const blind = storeProcess(t, link)
  await reaches(link, 'down')
  t.match(await blind.instances.save({ id: 'a', plan: 'blank' }), { durability: 'buffered' })
  t.match(await blind.instances.save({ id: 'b', plan: 'first' }), { durability: 'buffered' })
  t.strictSame(await blind.answer('a'), { id: 'a', plan: 'blank' })

  const server = await startRedisServer({}, t)
  const seeing = await openProcess(t, server.url)
  await seeing.instances.save({ id: 'a', plan: 'pro', accessToken: 'secret' })
  await startFaultProxy({ host: server.host, port: server.port, listenPort: port }, t)
  await eventually(() => blind.store.buffered === 0, { withinMs: 5000 })
  t.strictSame(await seeing.answer('a'), { id: 'a', plan: 'pro', accessToken: 'secret' })
  t.strictSame(await seeing.answer('b'), { id: 'b', plan: 'first' })
})

t.test('a blank save during an outage never overwrites tokens', async (t) => {
  const server = await startRedisServer({ appendOnly: true }, t)
  const before = await openProcess(t, server.url)
  await before.instances.save({ id: 'a', vendorId: 'vendor-1', accessToken: 'secret' })
  const restarted = await openProcess(t, server.url)
  await server.kill()
  await reaches(restarted.link, 'down')
  // The merchant opens the dashboard at a process that has never heard of it.
  t.match(await restarted.instances.save({ id: 'a', vendorId: 'vendor-1' }), { durability: 'buffered' })
  await server.restart({ keepData: true })
  await eventually(() => restarted.store.buffered === 0, { withinMs: 5000 })
  t.strictSame(await before.answer('a'), { id: 'a', vendorId: 'vendor-1', accessToken: 'secret' })
})

t.test('save with ifAbsent adds what is missing and changes nothing that is there, up or down', async (t) => {
  const server = await startRedisServer({ appendOnly: true }, t)
  const one = await openProcess(t, server.url)
  await one.instances.save({ id: 'a', plan: 'pro' })
  t.strictSame(await one.instances.save({ id: 'a', plan: 'blank', seats: 1 }, { ifAbsent: true }), {
    durability: 'redis',
    created: false,
  })
  t.strictSame(await one.answer('a'), { id: 'a', plan: 'pro', seats: 1 })
  const two = await openProcess(t, server.url)
  await server.kill()
  await reaches(two.link, 'down')
  await two.instances.save({ id: 'a', plan: 'blank', colour: 'red' }, { ifAbsent: true })
  await server.restart({ keepData: true })
  await eventually(() => two.store.buffered === 0, { withinMs: 5000 })
  t.strictSame(await two.answer('a'), { id: 'a', plan: 'pro', seats: 1, colour: 'red' })
})

t.test(
  'two processes that changed different fields during an outage lose nothing; of one field the newer wins',
  async (t) => {
    const server = await startRedisServer({ appendOnly: true }, t)
    const [one, two] = [await openProcess(t, server.url), await openProcess(t, server.url)]
    await one.instances.save({ id: 'a', plan: 'pro', seats: 1 })
    await two.answer('a')
    await server.kill()
    await Promise.all([reaches(one.link, 'down'), reaches(two.link, 'down')])
    await one.instances.update('a', { seats: 2, colour: 'red' })
    await new Promise((resolve) => setTimeout(resolve, 300))
    await two.instances.update('a', { seats: 3, size: 'xl' })
    await server.restart({ keepData: true })
    await eventually(() => one.store.buffered + two.store.buffered === 0, { withinMs: 5000 })
    const expected = { id: 'a', plan: 'pro', seats: 3, colour: 'red', size: 'xl' }
    await eventually(
      async () => isDeepStrictEqual([await one.answer('a'), await two.answer('a')], [expected, expected]),
      { withinMs: 5000 },
    )
  },
)

t.test('an update of an instance that is not known here is 503 while Redis is away', async (t) => {
  const server = await startRedisServer({}, t)
  const { instances, link } = await openProcess(t, server.url)
  await server.kill()
  await reaches(link, 'down')
  await t.rejects(instances.update('a', { plan: 'pro' }), { code: 'STAY_INSTANCE_UNKNOWN', statusCode: 503 })
  await t.rejects(instances.list(), { code: 'STAY_INSTANCE_UNKNOWN' })
})

t.test('a delete while Redis is away holds against an older buffered save of another process', async (t) => {
  const server = await startRedisServer({ appendOnly: true }, t)
  const [saving, deleting] = [await openProcess(t, server.url), await openProcess(t, server.url)]
  await deleting.instances.save({ id: 'a', plan: 'pro' })
  await saving.answer('a')
  await server.kill()
  await Promise.all([reaches(saving.link, 'down'), reaches(deleting.link, 'down')])
  await saving.instances.save({ id: 'a', plan: 'older' })
  await new Promise((resolve) => setTimeout(resolve, 300))
  t.equal(await deleting.instances.delete('a'), true)
  t.equal(await deleting.answer('a'), undefined)
  await server.restart({ keepData: true })
  await eventually(() => saving.store.buffered + deleting.store.buffered === 0, { withinMs: 5000 })
  await eventually(async () => (await saving.answer('a')) === undefined, { withinMs: 5000 })
  t.equal(await server.command('HGET', 'instance:a', 'json'), null)
  t.ok(Number(await server.command('TTL', 'instance:a')) > 0, 'the tombstone does not stay for ever')
})

t.test('a write that timed out does not run after the thaw: the newer one stands', async (t) => {
  const server = await startRedisServer({}, t)
  const { instances, answer, store, link } = await openProcess(t, server.url, {}, quick)
  await instances.save({ id: 'a', step: 0 })
  server.freeze()
  t.match(
    await instances.save({ id: 'a', step: 1 }),
    { durability: 'buffered' },
    'given up by Redis, accepted here',
  )
  t.match(await instances.save({ id: 'a', step: 2 }), { durability: 'buffered' })
  t.strictSame(await answer('a'), { id: 'a', step: 2 })
  await new Promise((resolve) => setTimeout(resolve, 1200))
  server.thaw()
  await eventually(() => link.status === 'up' && store.buffered === 0, { withinMs: 5000 })
  t.equal(String(await server.command('HGET', 'instance:a', 'json')), '{"id":"a","step":2}')
})

t.test(
  "with onOutage 'reject' a write without an answer is told as such, and is not done later",
  async (t) => {
    const server = await startRedisServer({}, t)
    const { instances, link } = await openProcess(t, server.url, { onOutage: 'reject' }, quick)
    // From here on Redis knows the script: a write is one command, which a frozen server keeps.
    await instances.save({ id: 'warm' })
    server.freeze()
    await t.rejects(instances.save({ id: 'a' }), { code: 'STAY_INSTANCE_NOT_WRITTEN', outcome: 'unknown' })
    await t.rejects(instances.save({ id: 'b' }), { code: 'STAY_INSTANCE_NOT_WRITTEN', outcome: 'not-sent' })
    // Until then the first one would still be in time.
    await new Promise((resolve) => setTimeout(resolve, 1200))
    server.thaw()
    await reaches(link, 'up')
    t.equal(Number(await server.command('EXISTS', 'instance:a', 'instance:b')), 0)
  },
)

t.test('at the limit of buffered writes a further one is refused, and none is lost', async (t) => {
  const server = await startRedisServer({ appendOnly: true }, t)
  const { instances, link, store } = await openProcess(t, server.url, { maxBufferedWrites: 2 })
  await server.kill()
  await reaches(link, 'down')
  await instances.save({ id: 'a' })
  await instances.save({ id: 'b' })
  await t.rejects(instances.save({ id: 'c' }), {
    code: 'STAY_INSTANCE_NOT_WRITTEN',
    cause: { code: 'STAY_OUTBOX_FULL' },
  })
  await server.restart({ keepData: true })
  await eventually(() => store.buffered === 0, { withinMs: 5000 })
  t.equal(Number(await server.command('EXISTS', 'instance:a', 'instance:b', 'instance:c')), 2)
})

t.test('a full Redis makes writes wait, and reads go on', async (t) => {
  const server = await startRedisServer({}, t)
  const { instances, answer, store } = await openProcess(t, server.url)
  await instances.save({ id: 'a', step: 0 })
  await server.fillMemory()
  t.match(await instances.save({ id: 'a', step: 1 }), { durability: 'buffered' })
  t.strictSame(await answer('a'), { id: 'a', step: 1 })
  await server.freeMemory()
  await eventually(() => store.buffered === 0, { withinMs: 5000 })
  t.equal(String(await server.command('HGET', 'instance:a', 'json')), '{"id":"a","step":1}')
})

t.test(
  'what one process holds while Redis refuses it is unknown to the others, never "not found"',
  async (t) => {
    const server = await startRedisServer({}, t)
    const [holder, other] = [await openProcess(t, server.url), await openProcess(t, server.url)]
    await eventually(async () => (await server.command('zcard', 'bus:members')) === 2, { withinMs: 5000 })
    await server.fillMemory()
    for (const id of ['a', 'b']) t.match(await holder.instances.save({ id }), { durability: 'buffered' })
    await holder.instances.delete('b')
    await eventually(async () => (await other.answer('a')) === 'STAY_INSTANCE_UNKNOWN', { withinMs: 3000 })
    await t.rejects(other.instances.update('a', { plan: 'pro' }), { code: 'STAY_INSTANCE_UNKNOWN' })
    await eventually(async () => (await other.answer('b')) === undefined, { withinMs: 3000 })
    await server.freeMemory()
    await eventually(async () => isDeepStrictEqual(await other.answer('a'), { id: 'a' }), { withinMs: 5000 })
  },
)

t.test(
  'what was acknowledged in the last minute is offered again to a Redis that came back empty',
  async (t) => {
    const server = await startRedisServer({}, t)
    const { instances, link, store } = await openProcess(t, server.url)
    t.match(await instances.save({ id: 'a', plan: 'pro' }), { durability: 'redis' })
    await instances.update('a', { plan: 'max' })
    await instances.save({ id: 'gone' })
    await instances.delete('gone')
    await server.kill()
    await server.restart()
    await reaches(link, 'up')
    await eventually(
      async () =>
        store.buffered === 0 &&
        String(await server.command('HGET', 'instance:a', 'json')) === '{"id":"a","plan":"max"}',
      { withinMs: 5000 },
    )
    t.equal(await server.command('HGET', 'instance:gone', 'json'), null)
  },
)

t.test('known instances cost no command, and what another process changes or deletes is heard', async (t) => {
  const server = await startRedisServer({}, t)
  const slow = { heartbeatMs: false } as const
  const [one, two] = [await openProcess(t, server.url, {}, slow), await openProcess(t, server.url, {}, slow)]
  await two.instances.save({ id: 'a', step: 1 })
  const readsOf = async (): Promise<number> => {
    const sent = await server.countCommands(async () => {
      for (let times = 0; times < 50; times++) t.strictSame(await one.answer('a'), { id: 'a', step: 1 })
    })
    return sent['hmget'] ?? 0
  }
  await eventually(async () => (await readsOf()) === 0, { withinMs: 5000 })
  await two.instances.update('a', { step: 2 })
  await eventually(async () => isDeepStrictEqual(await one.answer('a'), { id: 'a', step: 2 }), {
    withinMs: 1000,
  })
  await two.instances.delete('a')
  await eventually(async () => (await one.answer('a')) === undefined, { withinMs: 1000 })
})

t.test('an instance that was deleted elsewhere is not answered from an old copy in an outage', async (t) => {
  const server = await startRedisServer({}, t)
  const [one, two] = [await openProcess(t, server.url), await openProcess(t, server.url)]
  await two.instances.save({ id: 'a' })
  await eventually(async () => isDeepStrictEqual(await one.answer('a'), { id: 'a' }), { withinMs: 2000 })
  await two.instances.delete('a')
  await eventually(() => one.store.remembered === 0, { withinMs: 2000 })
  await server.kill()
  await reaches(one.link, 'down')
  t.equal(await one.answer('a'), 'STAY_INSTANCE_UNKNOWN')
})

t.test(
  "the app's own record is asked when Redis does not know or cannot be asked, and is kept",
  async (t) => {
    const server = await startRedisServer({}, t)
    const records = new Map([['a', new Map([['"plan"', '"pro"']])]])
    const asked: string[] = []
    const load = async (id: string): Promise<ReadonlyMap<string, string> | undefined> => {
      asked.push(id)
      return records.get(id)
    }
    const { answer, link } = await openProcess(t, server.url, { load })
    t.strictSame(await answer('a'), { id: 'a', plan: 'pro' })
    t.equal(String(await server.command('HGET', 'instance:a', 'json')), '{"id":"a","plan":"pro"}')
    t.strictSame(await answer('a'), { id: 'a', plan: 'pro' })
    t.strictSame(asked, ['a'], 'once')
    t.equal(await answer('b'), undefined, "Redis' word and the app's agree")
    records.set('c', new Map())
    await server.kill()
    await reaches(link, 'down')
    t.strictSame(await answer('c'), { id: 'c' })
    t.equal(await answer('b'), 'STAY_INSTANCE_UNKNOWN', 'the app alone cannot say that there is none')
  },
)

t.test(
  'a create that one process holds, cut off alone, is not there for the others before it is back',
  async (t) => {
    const server = await startRedisServer({}, t)
    const proxy = await startFaultProxy({ host: server.host, port: server.port }, t)
    const cutOff = await openProcess(t, proxy.url(server.url))
    const other = await openProcess(t, server.url)
    await proxy.refuse()
    await reaches(cutOff.link, 'down')
    t.match(await cutOff.instances.save({ id: 'a' }), { durability: 'buffered' })
    t.strictSame(await cutOff.answer('a'), { id: 'a' })
    t.equal(await other.answer('a'), undefined, "on Redis's word")
    await proxy.restore()
    await eventually(async () => isDeepStrictEqual(await other.answer('a'), { id: 'a' }), { withinMs: 5000 })
  },
)

t.test('the end of a process tells how many accepted writes it takes along', async (t) => {
  const server = await startRedisServer({}, t)
  const link = await openLink(t, server.url)
  const { instances, store } = storeProcess(t, link)
  await server.kill()
  await reaches(link, 'down')
  await instances.save({ id: 'a' })
  await instances.save({ id: 'b' })
  t.equal(await store.close(2000), 2)
})

t.test('what is written when the store is closed is refused, and not accepted and lost', async (t) => {
  const server = await startRedisServer({}, t)
  const link = await openLink(t, server.url)
  const { instances, store } = storeProcess(t, link)
  await instances.save({ id: 'a' })
  await server.kill()
  await reaches(link, 'down')
  t.equal(await store.close(0), 0)
  const writes: (() => Promise<unknown>)[] = [
    () => instances.save({ id: 'a', x: 1 }),
    () => instances.save({ id: 'b' }),
    () => instances.delete('a'),
  ]
  for (const write of writes) {
    await t.rejects(write, { code: 'STAY_INSTANCE_NOT_WRITTEN', statusCode: 503 })
  }
  t.equal(store.buffered, 0)
})
