import {
  eventually,
  reaches,
  type RedisServer,
  startFaultProxy,
  startRedisServer,
  startStopwatch,
} from '@stayfast/test-kit'
import t, { type Test } from 'tap'
import { Bus, type BusOptions, type ClientLinkOptions } from '../dist/index.js'
import { openLink } from './open-link.js'

interface Process {
  readonly bus: Bus
  readonly heard: string[]
  revalidated: number
}

/** A member of the bus on a connection of its own, as each process has. */
async function join(
  t: Test,
  url: string,
  options: Partial<BusOptions> = {},
  linkOptions: Partial<ClientLinkOptions> = {},
): Promise<Process> {
  const link = openLink(t, url, linkOptions)
  const bus = new Bus({ link, ...options })
  t.teardown(() => bus.close())
  const process: Process = { bus, heard: [], revalidated: 0 }
  bus.on('tags', {
    onMessage: (payload) => process.heard.push(payload),
    onRevalidate: () => {
      process.revalidated += 1
    },
  })
  await reaches(link, 'up')
  await eventually(() => bus.covered, { withinMs: 5000 })
  return process
}

/** Each sees all of them. */
async function meet(processes: readonly Process[]): Promise<void> {
  await eventually(() => processes.every(({ bus }) => bus.members === processes.length), { withinMs: 5000 })
}

function start(t: Test): Promise<RedisServer> {
  return startRedisServer({}, t)
}

t.test('what is published is applied by every process before it is called delivered', async (t) => {
  const server = await start(t)
  const processes = await Promise.all([1, 2, 3].map(() => join(t, server.url)))
  await meet(processes)
  for (let round = 0; round < 50; round++) {
    const sender = processes[round % 3]
    t.strictSame(await sender?.bus.publish('tags', String(round)), { delivered: true })
    for (const { heard } of processes) t.equal(heard.at(-1), String(round))
  }
})

t.test('a process that is alone waits for nobody', async (t) => {
  const server = await start(t)
  const { bus, heard } = await join(t, server.url)
  t.strictSame(await bus.publish('tags', 'x'), { delivered: true })
  await eventually(() => heard.length === 1, { withinMs: 2000 })
})

t.test(
  'a member that died without leaving is waited for until its lease has run out, and only once',
  async (t) => {
    const server = await start(t)
    const proxy = await startFaultProxy({ host: server.host, port: server.port }, t)
    const [alive, dead] = [await join(t, server.url), await join(t, proxy.url(server.url))]
    await meet([alive, dead])
    proxy.blackHole()
    const elapsedMs = startStopwatch()
    t.strictSame(await alive.bus.publish('tags', 'x'), { delivered: true })
    t.notOk(dead.bus.covered, 'by now it answers nothing from memory')
    t.ok(elapsedMs() < 2 * alive.bus.leaseMs)
    const againMs = startStopwatch()
    t.strictSame(await alive.bus.publish('tags', 'y'), { delivered: true })
    t.ok(againMs() < alive.bus.leaseMs / 2, 'the second time it is no member any more')
  },
)

t.test('a member that leaves holds nobody up', async (t) => {
  const server = await start(t)
  const [staying, leaving] = [await join(t, server.url), await join(t, server.url)]
  await meet([staying, leaving])
  await leaving.bus.close()
  t.notOk(leaving.bus.covered)
  const elapsedMs = startStopwatch()
  await staying.bus.publish('tags', 'x')
  t.ok(elapsedMs() < staying.bus.leaseMs / 2)
})

t.test('a half-open subscriber loses its lease although its commands work', async (t) => {
  const server = await start(t)
  const proxy = await startFaultProxy({ host: server.host, port: server.port }, t)
  const sender = await join(t, server.url)
  const { Redis } = await import('ioredis')
  const openSubscriber = (): InstanceType<typeof Redis> =>
    new Redis(proxy.url(server.url), {
      lazyConnect: true,
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
    })
  // Without a heartbeat of its own only the missing beats can tell.
  const halfOpen = await join(t, server.url, {}, { openSubscriber, heartbeatMs: false })
  await meet([sender, halfOpen])
  proxy.blackHole()
  await eventually(() => !halfOpen.bus.covered, { withinMs: 4000 })
  t.match(await sender.bus.publish('tags', 'x'), { delivered: Boolean })
  t.strictSame(halfOpen.heard, [], 'it heard nothing')
  t.notOk(halfOpen.bus.covered, 'and trusts nothing it remembers')
})

t.test('a lost message is repeated until it is confirmed', async (t) => {
  const server = await start(t)
  const [sender, receiver] = [await join(t, server.url), await join(t, server.url)]
  await meet([sender, receiver])
  // The confirmation of the first copy never arrives: the receiver may not publish for a while.
  await server.command('ACL', 'SETUSER', 'default', '-publish')
  const delivery = sender.bus.delivery(sender.bus.envelope('tags', 'x'), {
    nowMs: 0,
    leases: new Map([[receiver.bus.id, sender.bus.leaseMs]]),
  })
  await server.command('ACL', 'SETUSER', 'default', '+publish')
  t.strictSame(await delivery, { delivered: true })
  t.ok(receiver.heard.length >= 1)
  t.ok(receiver.heard.every((message) => message === 'x'))
})

t.test(
  'after an interruption of the subscription everything is revalidated, and the lease is renewed',
  async (t) => {
    const server = await startRedisServer({ appendOnly: true }, t)
    const process = await join(t, server.url)
    const before = process.revalidated
    await server.kill()
    await eventually(() => !process.bus.covered, { withinMs: 3000 })
    t.equal(process.revalidated, before)
    await server.restart({ keepData: true })
    await eventually(() => process.revalidated === before + 1 && process.bus.covered, { withinMs: 5000 })
    t.pass()
  },
)

t.test('a message of nonsense is passed over', async (t) => {
  const server = await start(t)
  const process = await join(t, server.url)
  for (const nonsense of [
    '',
    'null',
    '{}',
    '[1]',
    '{"id":1}',
    '{"id":"1","from":"x","topic":3,"payload":""}',
  ]) {
    await server.command('PUBLISH', 'bus:all', nonsense)
    await server.command('PUBLISH', `bus:inbox:${process.bus.id}`, nonsense)
  }
  await process.bus.publish('tags', 'x')
  await eventually(() => process.heard.length === 1, { withinMs: 2000 })
  t.strictSame(process.heard, ['x'])
})

t.test('publishing refuses at once while Redis is away', async (t) => {
  const server = await start(t)
  const process = await join(t, server.url)
  await server.kill()
  await eventually(() => !process.bus.covered, { withinMs: 3000 })
  await t.rejects(process.bus.publish('tags', 'x'), { code: 'STAY_REDIS_UNAVAILABLE' })
})

t.test(
  'where commands are billed nobody confirms: a publication is one command, whatever the number of processes',
  async (t) => {
    const server = await start(t)
    const traits = { billedByCommand: true }
    const [one, two] = [
      await join(t, server.url, {}, { traits, heartbeatMs: false }),
      await join(t, server.url, {}, { traits, heartbeatMs: false }),
    ]
    t.equal(one.bus.leaseMs, 30_000)
    const sent = await server.countCommands(async () => {
      t.strictSame(await one.bus.publish('tags', 'x'), { delivered: false })
      await eventually(() => two.heard.length === 1, { withinMs: 2000 })
    })
    t.equal((sent['evalsha'] ?? 0) + (sent['eval'] ?? 0) - (sent['eval'] ?? 0), 1, 'one command')
  },
)

t.test('an invalidation is one command, and one for each process that confirms', async (t) => {
  const server = await start(t)
  const processes = await Promise.all(
    [1, 2, 3].map(() => join(t, server.url, { leaseMs: 60_000 }, { heartbeatMs: false })),
  )
  await processes[0]?.bus.publish('tags', 'warm')
  const sent = await server.countCommands(async () => {
    await processes[0]?.bus.publish('tags', 'x')
  })
  t.strictSame(sent, { evalsha: 1, publish: 2 })
})

t.test('the members key has a TTL', async (t) => {
  const server = await start(t)
  await join(t, server.url)
  const ttl = Number(await server.command('PTTL', 'bus:members'))
  t.ok(ttl > 0 && ttl <= 20_000)
})
