import {
  eventually,
  freePort,
  longRuns,
  reaches,
  startFaultProxy,
  startRedisServer,
} from '@stayfast/test-kit'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import {
  Outbox,
  StampSource,
  stampUs,
  type Intent,
  type OutboxOptions,
  type RedisLink,
} from '../dist/index.js'
import { openLink } from './open-link.js'
import { read, replay, type Operation } from './register.js'

function openOutbox(
  t: Test,
  link: RedisLink,
  options: Partial<OutboxOptions<Operation>> = {},
): { outbox: Outbox<Operation>; add: (key: string, operation: Operation) => Intent<Operation> } {
  const outbox = new Outbox<Operation>({ name: 'register', link, replay, ...options })
  const stamps = new StampSource(link.clock)
  t.teardown(() => {
    outbox.close()
  })
  return {
    outbox,
    add: (key, operation) => {
      const intent = { operation, stamp: stamps.next() }
      outbox.add(key, intent)
      return intent
    },
  }
}

t.test('what was accepted while Redis was away is there when it is back', async (t) => {
  const port = await freePort()
  const link = openLink(t, `redis://127.0.0.1:${port}`)
  const { outbox, add } = openOutbox(t, link)
  await reaches(link, 'down')
  add('a', { set: '1' })
  add('a', { set: '2' })
  add('b', { set: '3' })
  t.equal(outbox.size, 3)
  t.strictSame(
    outbox.pending('a').map(({ operation }) => operation),
    [{ set: '1' }, { set: '2' }],
  )
  await startRedisServer({ port }, t)
  await eventually(() => outbox.size === 0, { withinMs: 3000 })
  t.strictSame(outbox.pending('a'), [])
  t.equal(await link.run((client) => read(client, 'a')), '2')
  t.equal(await link.run((client) => read(client, 'b')), '3')
})

t.test(
  'a key stays pending until its replay is acknowledged, and a write meanwhile joins its queue',
  async (t) => {
    const server = await startRedisServer({}, t)
    const link = openLink(t, server.url)
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const { outbox, add } = openOutbox(t, link, {
      replay: async (client, key, intents) => {
        await held
        await replay(client, key, intents)
      },
    })
    await reaches(link, 'up')
    add('a', { set: '1' })
    add('a', { set: '2' })
    t.equal(outbox.pending('a').length, 2, 'both are still to be read from the overlay')
    release()
    await eventually(() => outbox.size === 0, { withinMs: 2000 })
    t.equal(await link.run((client) => read(client, 'a')), '2')
  },
)

t.test('a replay whose answer was lost is repeated and changes nothing twice', async (t) => {
  const server = await startRedisServer({}, t)
  const proxy = await startFaultProxy({ host: server.host, port: server.port }, t)
  const link = openLink(t, proxy.url(server.url), { deadlineMs: 300 })
  await reaches(link, 'up')
  let replays = 0
  const { outbox, add } = openOutbox(t, link, {
    replay: (client, key, intents) => {
      replays += 1
      return replay(client, key, intents)
    },
  })
  proxy.dropReplies({ count: 1, matching: /eval/i })
  add('a', { set: '1' })
  await eventually(() => outbox.size === 0, { withinMs: 5000 })
  t.ok(replays >= 2)
  t.equal(await link.run((client) => read(client, 'a')), '1')
})

t.test(
  'two processes that buffered writes to one key end with the newer one, whoever replays last',
  async (t) => {
    const server = await startRedisServer({ appendOnly: true }, t)
    const [one, two] = [openLink(t, server.url), openLink(t, server.url)]
    await Promise.all([reaches(one, 'up'), reaches(two, 'up')])
    await server.kill()
    await Promise.all([reaches(one, 'down'), reaches(two, 'down')])
    const gate: { open: () => void } = { open: () => undefined }
    const held = new Promise<void>((resolve) => {
      gate.open = resolve
    })
    const late = openOutbox(t, one, {
      replay: async (client, key, intents) => {
        await held
        await replay(client, key, intents)
      },
    })
    const early = openOutbox(t, two)
    const older = late.add('a', { set: 'older' })
    // Two processes know the time of Redis to within half a round trip: what is nearer than that has no order.
    await eventually(() => two.clock.nowUs() > stampUs(older.stamp) + 100_000, { withinMs: 3000 })
    early.add('a', { set: 'newer' })
    await server.restart({ keepData: true })
    await eventually(() => early.outbox.size === 0, { withinMs: 3000 })
    gate.open()
    await eventually(() => late.outbox.size === 0, { withinMs: 3000 })
    t.equal(await two.run((client) => read(client, 'a')), 'newer')
  },
)

t.test('an older write that is replayed late does not undo a removal', async (t) => {
  const server = await startRedisServer({}, t)
  const link = openLink(t, server.url)
  await reaches(link, 'up')
  const stamps = new StampSource(link.clock)
  const older = { operation: { set: 'zombie' }, stamp: stamps.next() }
  const { outbox } = openOutbox(t, link)
  outbox.add('a', { operation: { remove: true }, stamp: stamps.next() })
  await eventually(() => outbox.size === 0, { withinMs: 2000 })
  outbox.add('a', older)
  await eventually(() => outbox.size === 0, { withinMs: 2000 })
  t.equal(await link.run((client) => read(client, 'a')), undefined)
})

t.test('a process that never saw Redis loses to one that did', async (t) => {
  const port = await freePort()
  const blind = openLink(t, `redis://127.0.0.1:${port}`)
  const { outbox, add } = openOutbox(t, blind)
  add('a', { set: 'from a process that never saw Redis' })
  add('b', { set: 'nobody else wrote this' })
  await reaches(blind, 'down')
  const server = await startRedisServer({ port: await freePort() }, t)
  const seeing = openLink(t, server.url)
  await reaches(seeing, 'up')
  const other = openOutbox(t, seeing)
  other.add('a', { set: 'real' })
  await eventually(() => other.outbox.size === 0, { withinMs: 2000 })
  const proxy = await startFaultProxy({ host: server.host, port: server.port, listenPort: port }, t)
  t.equal(proxy.port, port)
  await eventually(() => outbox.size === 0, { withinMs: 3000 })
  t.equal(await seeing.run((client) => read(client, 'a')), 'real')
  t.equal(await seeing.run((client) => read(client, 'b')), 'nobody else wrote this')
})

t.test('at the limit a new write is refused and none that was accepted is lost', async (t) => {
  const port = await freePort()
  const link = openLink(t, `redis://127.0.0.1:${port}`)
  const { outbox, add } = openOutbox(t, link, { limit: 3 })
  await reaches(link, 'down')
  for (const key of ['a', 'b', 'c']) add(key, { set: key })
  t.throws(() => add('d', { set: 'd' }), { code: 'STAY_OUTBOX_FULL', statusCode: 503, canRetry: true })
  t.equal(outbox.size, 3)
  await startRedisServer({ port }, t)
  await eventually(() => outbox.size === 0, { withinMs: 3000 })
  for (const key of ['a', 'b', 'c']) t.equal(await link.run((client) => read(client, key)), key)
  t.equal(await link.run((client) => read(client, 'd')), undefined)
})

t.test('a poisoned write is set aside alone, logged and counted; the rest goes through', async (t) => {
  const server = await startRedisServer({}, t)
  const link = openLink(t, server.url)
  const errors: string[] = []
  const { outbox, add } = openOutbox(t, link, {
    logger: { info: () => undefined, error: (_details, message) => errors.push(message) },
  })
  add('a', { set: '1' })
  add('a', { poison: true })
  add('a', { set: '2' })
  add('b', { set: '3' })
  await eventually(() => outbox.size === 0, { withinMs: 3000 })
  t.equal(await link.run((client) => read(client, 'a')), '2')
  t.equal(await link.run((client) => read(client, 'b')), '3')
  t.equal(outbox.quarantinedCount, 1)
  t.match(outbox.quarantined, [{ key: 'a', intent: { operation: { poison: true } }, cause: TypeError }])
  t.match(errors, [/set aside; 1 so far/])
})

t.test('a Redis that refuses for lack of memory is asked again until it has some', async (t) => {
  const server = await startRedisServer({ maxMemoryBytes: 2_000_000 }, t)
  const link = openLink(t, server.url)
  await reaches(link, 'up')
  await server.fillMemory()
  const { outbox, add } = openOutbox(t, link)
  add('a', { set: 'x'.repeat(10_000) })
  await new Promise((resolve) => setTimeout(resolve, 700))
  t.equal(outbox.size, 1, 'it waits')
  await server.freeMemory()
  await eventually(() => outbox.size === 0, { withinMs: 3000 })
  t.equal(outbox.quarantinedCount, 0)
})

t.test('a flapping link loses nothing and ends with the last write of each key', async (t) => {
  const server = await startRedisServer({}, t)
  const proxy = await startFaultProxy({ host: server.host, port: server.port }, t)
  const link = openLink(t, proxy.url(server.url))
  const { outbox, add } = openOutbox(t, link)
  const last = new Map<string, string>()
  for (let round = 0; round < 12; round++) {
    for (let write = 0; write < 20; write++) {
      const key = `key-${write % 5}`
      add(key, { set: `${round}.${write}` })
      last.set(key, `${round}.${write}`)
    }
    proxy.resetAll()
    await new Promise((resolve) => setTimeout(resolve, 60))
  }
  await eventually(() => outbox.size === 0, { withinMs: 5000 })
  for (const [key, value] of last) t.equal(await link.run((client) => read(client, key)), value)
})

t.test(
  'a Redis that came back empty gets again what it acknowledged lately, and nothing newer is undone',
  async (t) => {
    const server = await startRedisServer({}, t)
    const link = openLink(t, server.url)
    await reaches(link, 'up')
    const { outbox, add } = openOutbox(t, link)
    add('a', { set: 'lost and offered again' })
    add('b', { set: 'older' })
    await eventually(() => outbox.size === 0, { withinMs: 2000 })
    await server.kill()
    await server.restart()
    await reaches(link, 'up', 3000)
    const other = openOutbox(t, link)
    other.add('b', { set: 'written since by somebody else' })
    await eventually(() => other.outbox.size === 0, { withinMs: 2000 })
    t.equal(outbox.repair(), 2)
    await eventually(() => outbox.size === 0, { withinMs: 2000 })
    t.equal(await link.run((client) => read(client, 'a')), 'lost and offered again')
    t.equal(await link.run((client) => read(client, 'b')), 'written since by somebody else')
  },
)

t.test('flush waits for the replay, and tells what would be lost when Redis stays away', async (t) => {
  const port = await freePort()
  const link = openLink(t, `redis://127.0.0.1:${port}`)
  const { outbox, add } = openOutbox(t, link)
  await reaches(link, 'down')
  add('a', { set: '1' })
  t.equal(await outbox.flush(100), 1)
  await startRedisServer({ port }, t)
  t.equal(await outbox.flush(3000), 0)
  t.equal(await outbox.flush(0), 0)
})

t.test(
  'property: over any interleaving of writers and outages every key ends with its newest write',
  async (t) => {
    const server = await startRedisServer({}, t)
    const proxies = await Promise.all(
      [0, 1].map(() => startFaultProxy({ host: server.host, port: server.port }, t)),
    )
    const links = proxies.map((proxy) =>
      openLink(t, proxy.url(server.url), { deadlineMs: 300, heartbeatMs: 200 }),
    )
    await Promise.all(links.map((link) => reaches(link, 'up')))
    let run = 0
    let operations = 0
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ process: fc.nat(1), key: fc.nat(2), write: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ process: fc.nat(1), cut: fc.constant(true) }) },
      { weight: 1, arbitrary: fc.record({ settle: fc.constant(true) }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
        run += 1
        operations += steps.length
        const boxes = links.map((link) => openOutbox(t, link))
        const model = new Map<string, Intent<Operation>>()
        for (const [index, step] of steps.entries()) {
          if ('settle' in step) await new Promise((resolve) => setTimeout(resolve, 2))
          else if ('cut' in step) proxies[step.process]?.resetAll()
          else {
            const key = `${run}-${step.key}`
            const intent = boxes[step.process]?.add(
              key,
              step.write ? { set: String(index) } : { remove: true },
            )
            const newest = model.get(key)
            if (intent !== undefined && (newest === undefined || intent.stamp > newest.stamp))
              model.set(key, intent)
          }
        }
        await eventually(() => boxes.every(({ outbox }) => outbox.size === 0), { withinMs: 5000 })
        for (const { outbox } of boxes) outbox.close()
        for (const [key, { operation }] of model) {
          const value = Buffer.from(String(await server.command('HGET', key, 'value')))
          const expected = 'set' in operation ? operation.set : 'null'
          if (value.toString() !== expected) return false
        }
        return true
      }),
      { numRuns: longRuns({ short: 60, long: 5000 }), endOnFailure: true },
    )
    t.comment(`operations: ${operations}`)
    t.pass()
  },
)
