import {
  eventually,
  reaches,
  type RedisServer,
  startFaultProxy,
  startRedisServer,
  startStopwatch,
} from '@stayfast/test-kit'
import t, { type Test } from 'tap'
import { limitScripts } from '../dist/stores/limit-scripts.js'
import { shareOf } from '../dist/shared-counters.js'
import { allowed, askFor, decidedBy, limitOf, openProcess, type LimitProcess } from './open-process.js'
import type { Verdict } from '../dist/verdict.js'

/** Two processes that know of each other. */
async function openTwo(t: Test, url: string): Promise<[LimitProcess, LimitProcess]> {
  const processes: [LimitProcess, LimitProcess] = [await openProcess(t, url), await openProcess(t, url)]
  await know(processes)
  return processes
}

async function know(processes: readonly LimitProcess[]): Promise<void> {
  for (const { counters } of processes) await counters.instances.beat()
  for (const { counters } of processes) await counters.instances.beat()
}

/** What Redis says is left, whoever decided before. */
async function leftInRedis(t: Test, url: string, ask: ReturnType<typeof askFor>): Promise<number> {
  const fresh = await openProcess(t, url)
  const verdict = await fresh.decide({ ...ask, cost: 0 })
  t.equal(verdict.by, 'redis')
  return verdict.remaining
}

for (const [fault, hurt] of [
  ['killed', (server) => server.kill()],
  ['frozen', (server) => server.freeze()],
] as const satisfies [string, (server: RedisServer) => unknown][]) {
  t.test(
    `with Redis ${fault} each of two processes goes on with half of the limit, and nobody waits long`,
    async (t) => {
      const server = await startRedisServer({ appendOnly: true }, t)
      const [one, other] = await openTwo(t, server.url)
      t.equal(one.counters.instances.count, 2)
      const ask = askFor('a', limitOf(10))
      t.same(decidedBy(await one.take(ask, 3)), ['redis'])
      await hurt(server)
      const elapsedMs = startStopwatch()
      const verdicts = [await one.take(ask, 8), await other.take(ask, 8)]
      t.ok(elapsedMs() < 6000, 'the first request of each waits for its deadline at most')
      t.same(verdicts.map(allowed), [5, 5])
      t.same(decidedBy(verdicts.flat()), ['local'])
      t.same(allowed(await one.take(askFor('least', limitOf(1)), 3)), 1, 'at least one')
      if (server.running) server.thaw()
    },
  )
}

t.test('the share is never less than one, and never more than the limit', async (t) => {
  for (const [max, instances, share] of [
    [100, 1, 100],
    [100, 4, 25],
    [10, 4, 2],
    [3, 4, 1],
    [1, 100, 1],
  ] as const) {
    t.match(shareOf(limitOf(max), instances), { max: share, burst: share })
  }
})

t.test(
  'how many processes live is kept while Redis is away, and a process that ends is not counted',
  async (t) => {
    const server = await startRedisServer({}, t)
    const [one, other] = await openTwo(t, server.url)
    const third = await openProcess(t, server.url)
    await know([one, third])
    t.equal(one.counters.instances.count, 3)
    await third.counters.close()
    await one.counters.instances.beat()
    t.equal(one.counters.instances.count, 2)
    await server.kill()
    await reaches(one.link, 'down')
    await one.counters.instances.beat().catch(() => undefined)
    t.equal(one.counters.instances.count, 2)
    t.equal(other.counters.instances.count, 2)
  },
)

t.test('a process that died is taken for gone after three beats', async (t) => {
  const server = await startRedisServer({}, t)
  const one = await openProcess(t, server.url, { instancesEveryMs: 50 })
  const other = await openProcess(t, server.url, { instancesEveryMs: 50 })
  await know([one, other])
  t.equal(one.counters.instances.count, 2)
  await eventually(async () => {
    await one.counters.instances.beat()
    return one.counters.instances.count === 1
  })
})

t.test(
  'when Redis is back what was admitted without it is charged once, and nobody has a fresh window',
  async (t) => {
    const server = await startRedisServer({ appendOnly: true }, t)
    const [one, other] = await openTwo(t, server.url)
    const ask = askFor('a', limitOf(10))
    t.equal(allowed(await one.take(ask, 4)), 4)
    await server.kill()
    await Promise.all([reaches(one.link, 'down'), reaches(other.link, 'down')])
    const during = [await one.take(ask, 3), await other.take(ask, 2)]
    t.same(during.map(allowed), [3, 2])
    await server.restart({ keepData: true })
    for (const process of [one, other]) {
      await eventually(async () => (await process.decide({ ...ask, cost: 0 })).by === 'redis')
    }
    t.equal(await leftInRedis(t, server.url, ask), 1, '4 before, 5 during')
    t.same(allowed(await one.take(ask, 5)), 1)
  },
)

t.test('keys that nobody asks about any more are charged too', async (t) => {
  const server = await startRedisServer({ appendOnly: true }, t)
  const one = await openProcess(t, server.url)
  await server.kill()
  await reaches(one.link, 'down')
  const asks = Array.from({ length: 200 }, (_, index) => askFor(`k${index}`, limitOf(10)))
  for (const ask of asks) await one.decide(ask)
  await server.restart({ keepData: true })
  await eventually(async () => Number(await server.command('dbsize')) >= asks.length)
  for (const ask of asks.slice(0, 3)) t.equal(await leftInRedis(t, server.url, ask), 9)
})

t.test('a counter is charged before it is asked, however many others wait for their charge', async (t) => {
  const server = await startRedisServer({ appendOnly: true }, t)
  const asks = Array.from({ length: 500 }, (_, index) => askFor(`k${index}`, limitOf(10)))
  // Charged last of all, unless somebody asks.
  const newest = askFor('k499', limitOf(10))
  let told: Promise<Verdict> | undefined
  const one = await openProcess(t, server.url, {
    onReturn: () => {
      told = one.decide(newest)
    },
  })
  await server.kill()
  await reaches(one.link, 'down')
  for (const ask of asks) await one.decide(ask)
  await server.restart({ keepData: true })
  await eventually(() => told !== undefined)
  t.match(await told, { by: 'redis', remaining: 8 }, 'one in the outage, and this one')
})

t.test('a charge whose answer was lost is sent again and counts once', async (t) => {
  const server = await startRedisServer({ appendOnly: true }, t)
  const proxy = await startFaultProxy(server, t)
  const one = await openProcess(t, proxy.url(server.url))
  const { charge } = limitScripts()['sliding-window']
  // Known to the server, so that a charge is one command.
  await one.link.run((redis) => charge.run(redis, ['warm'], [1, 61, 'warm']))
  const ask = askFor('a', limitOf(10))
  await one.decide(ask)
  await proxy.refuse()
  await reaches(one.link, 'down')
  t.equal(allowed(await one.take(ask, 3)), 3)
  await proxy.restore()
  await reaches(one.link, 'up')
  proxy.dropReplies({ count: 1, reset: true, matching: new RegExp(charge.sha1) })
  await reaches(one.link, 'down')
  t.equal(allowed(await one.take(ask, 2)), 2, 'admitted while it is unknown whether the charge was made')
  await eventually(async () => (await one.decide({ ...ask, cost: 0 })).by === 'redis', { withinMs: 15_000 })
  t.equal(await leftInRedis(t, server.url, ask), 4, '1 before, 3 and 2 during')
})

t.test(
  'at the end of a process what was admitted without Redis is charged, if Redis can be asked',
  async (t) => {
    const server = await startRedisServer({ appendOnly: true }, t)
    const one = await openProcess(t, server.url, { returnAfterMs: 60_000 })
    const ask = askFor('a', limitOf(10))
    await server.kill()
    await reaches(one.link, 'down')
    await one.take(ask, 4)
    await server.restart({ keepData: true })
    await reaches(one.link, 'up')
    await one.counters.close()
    t.equal(await leftInRedis(t, server.url, ask), 6)
  },
)

t.test(
  'a link that comes and goes keeps this process counting by itself, until it has been up for a while',
  async (t) => {
    const server = await startRedisServer({ appendOnly: true }, t)
    const proxy = await startFaultProxy(server, t)
    const one = await openProcess(t, proxy.url(server.url), { returnAfterMs: 1500 })
    const ask = askFor('a', limitOf(1000))
    const verdicts = []
    for (let flap = 0; flap < 4; flap += 1) {
      await proxy.refuse()
      await reaches(one.link, 'down')
      verdicts.push(...(await one.take(ask, 5)))
      await proxy.restore()
      await reaches(one.link, 'up')
      // Up, but not for long enough.
      verdicts.push(...(await one.take(ask, 5)))
    }
    t.same(decidedBy(verdicts), ['local'])
    const upSince = performance.now()
    await eventually(async () => (await one.decide(ask)).by === 'redis', { withinMs: 10_000 })
    t.ok(performance.now() - upSince > 1000, 'not before it was up for that long')
  },
)

t.test('local usage lives through a link that comes and goes: the share is given out once', async (t) => {
  const server = await startRedisServer({ appendOnly: true }, t)
  const proxy = await startFaultProxy(server, t)
  const one = await openProcess(t, proxy.url(server.url), { returnAfterMs: 100 })
  const ask = askFor('a', limitOf(10))
  let total = 0
  for (let outage = 0; outage < 3; outage += 1) {
    await proxy.refuse()
    await reaches(one.link, 'down')
    total += allowed(await one.take(ask, 20))
    await proxy.restore()
    await eventually(async () => (await one.decide({ ...ask, cost: 0 })).by === 'redis', { withinMs: 10_000 })
    total += allowed(await one.take(ask, 20))
  }
  t.equal(total, 10)
})

t.test(
  'the bound: an outage lets at most the shares of the processes through on top of the limit',
  async (t) => {
    const server = await startRedisServer({ appendOnly: true }, t)
    const processes = [...(await openTwo(t, server.url)), await openProcess(t, server.url)]
    await know(processes)
    const ask = askFor('a', limitOf(10))
    const greedy = async (): Promise<number> => {
      let total = 0
      for (const process of processes) total += allowed(await process.take(ask, 20))
      return total
    }
    let total = await greedy()
    t.equal(total, 10)
    await server.kill()
    await Promise.all(processes.map(({ link }) => reaches(link, 'down')))
    total += await greedy()
    t.equal(total, 10 + 3 * 3)
    await server.restart({ keepData: true })
    for (const process of processes) {
      await eventually(async () => {
        const verdict = await process.decide(ask)
        if (verdict.allowed) total += 1
        return verdict.by === 'redis'
      })
    }
    total += await greedy()
    t.equal(total, 10 + 3 * 3)
  },
)

for (const [what, refuse, accept] of [
  ['is full', (server) => server.fillMemory(), (server) => server.freeMemory()],
  ['has become read-only', (server) => server.becomeReadOnly(), (server) => server.becomeWritable()],
] as const satisfies [
  string,
  (server: RedisServer) => Promise<void>,
  (server: RedisServer) => Promise<void>,
][]) {
  t.test(`a Redis that ${what} counts as away until it takes writes again`, async (t) => {
    const server = await startRedisServer(what === 'is full' ? { maxMemoryBytes: 8_000_000 } : {}, t)
    const one = await openProcess(t, server.url)
    const ask = askFor('a', limitOf(50))
    t.equal((await one.decide(ask)).by, 'redis')
    await refuse(server)
    t.equal((await one.decide(askFor('b', limitOf(50)))).by, 'local')
    await reaches(one.link, 'up', 10_000)
    await accept(server)
    await eventually(async () => (await one.decide(ask)).by === 'redis', { withinMs: 15_000 })
  })
}

t.test(
  'a counter that somebody else wrote is counted here, told once, and does not count as an outage',
  async (t) => {
    const server = await startRedisServer({}, t)
    const told: unknown[] = []
    const one = await openProcess(t, server.url, { onMisuse: (error) => told.push(error) })
    const limit = limitOf(2, { windowUs: 60_000_000 })
    await server.command('set', 'rate:p:s60000:a', 'somebody else')
    const verdicts = await one.take(askFor('a', limit), 3)
    t.equal(allowed(verdicts), 2)
    t.same(decidedBy(verdicts), ['local'])
    t.equal((await one.decide(askFor('b', limit))).by, 'redis')
    t.ok(told.length > 0)
  },
)

t.test(
  "onOutage 'open' lets all through uncounted, 'closed' none; both ask Redis as soon as it can be asked",
  async (t) => {
    const server = await startRedisServer({ appendOnly: true }, t)
    const one = await openProcess(t, server.url, { returnAfterMs: 60_000 })
    const open = askFor('open', limitOf(1), { onOutage: 'open' })
    const closed = askFor('closed', limitOf(1), { onOutage: 'closed' })
    await server.kill()
    await reaches(one.link, 'down')
    t.same(decidedBy(await one.take(open, 5)), ['nobody'])
    await t.rejects(one.decide(closed), {
      code: 'STAY_RATE_UNAVAILABLE',
      statusCode: 503,
      headers: { 'retry-after': '2' },
    })
    await server.restart({ keepData: true })
    await reaches(one.link, 'up')
    t.equal((await one.decide(open)).by, 'redis')
    t.equal((await one.decide(closed)).by, 'redis')
  },
)
