import { openLink } from '@stayfast/link-test-kit'
import { adoptClient, type RedisLink } from '@stayfast/redis-kit'
import { eventually, reaches, startCluster, startRedisServer } from '@stayfast/test-kit'
import { Queue } from 'bullmq'
import { Cluster, Redis } from 'ioredis'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { idempotencyTokenOf } from '../dist/event-key.js'
import { MemoryEventQueue } from '../dist/queue/memory-event-queue.js'
import { backoffMs } from '../dist/queue/retry-rules.js'
import { eventOf, eventQueueContract, usual } from './event-queue-contract.js'
import { openQueue } from './open-queue.js'

const memoryOptions = { ...usual, maxEvents: 1000, retryAfterSeconds: 5 }

t.test('in memory', async (t) => {
  eventQueueContract(t, {
    outlivesItsWorker: false,
    create: async (t, settings) => {
      const queue = new MemoryEventQueue({ ...memoryOptions, ...settings })
      t.teardown(() => queue.close(0))
      return queue
    },
  })

  t.test('at its limit the memory refuses new events and keeps those it has', async (t) => {
    const queue = new MemoryEventQueue({ ...memoryOptions, maxEvents: 2 })
    await queue.add(eventOf('1'))
    await queue.add(eventOf('2'))
    await t.rejects(queue.add(eventOf('3')), {
      code: 'STAY_WEBHOOK_QUEUE_FULL',
      statusCode: 503,
      headers: { 'retry-after': '5' },
    })
    await queue.add(eventOf('2'))
    t.match(await queue.numbers(), { waiting: 2 })
  })

  t.test('the close handles what waits as well, without pauses, and tells what is lost', async (t) => {
    const queue = new MemoryEventQueue({ ...memoryOptions, concurrency: 1, backoffDelayMs: 60_000 })
    const handled: string[] = []
    queue.process(async ({ id }, { number }) => {
      handled.push(`${id} ${number}`)
      if (id === 'retry' && number === 1) throw new Error('once')
    })
    for (const id of ['retry', '1', '2']) await queue.add(eventOf(id))
    t.equal(await queue.close(10_000), 0)
    t.strictSame(handled.sort(), ['1 1', '2 1', 'retry 1', 'retry 2'])

    const stuck = new MemoryEventQueue({ ...memoryOptions, concurrency: 1 })
    stuck.process(() => new Promise(() => undefined))
    for (const id of ['stuck', 'lost']) await stuck.add(eventOf(id))
    t.equal(await stuck.close(50), 2)
    const unhandled = new MemoryEventQueue(memoryOptions)
    await unhandled.add(eventOf('1'))
    t.equal(await unhandled.close(10_000), 1, 'without a worker there is nothing to wait for')
  })
})

function onServer(t: Test, link: () => RedisLink, client: object): void {
  let queueName = ''
  eventQueueContract(t, {
    outlivesItsWorker: true,
    create: async (t, settings) => {
      const opened = openQueue(t, link(), client, settings)
      ;({ queueName } = opened)
      return opened.queue
    },
    another: async (t, settings) => openQueue(t, link(), client, { ...settings, queueName }).queue,
  })
}

for (const upstashLike of [false, true]) {
  t.test(upstashLike ? 'on a server with one database' : 'on one server', async (t) => {
    const server = await startRedisServer({ upstashLike }, t)
    const client = new Redis(server.url)
    t.teardown(() => {
      client.disconnect()
    })
    const link = await openLink(t, server.url, {
      ...(upstashLike ? { keyPrefix: () => 'queue:' } : {}),
    })
    onServer(t, () => link, client)

    t.test('its keys begin with the prefix of the link', async (t) => {
      const { queue, queueName } = openQueue(t, link, client, { keyPrefix: 'app:' })
      await queue.add(eventOf('1'))
      const keys = await client.keys(`*${queueName}*`)
      const prefix = `${upstashLike ? 'queue:' : ''}app:bull:${queueName}:`
      t.ok(keys.length > 2 && keys.every((key) => key.startsWith(prefix)), prefix)
    })
  })
}

t.test('what only BullMQ has', async (t) => {
  const server = await startRedisServer({ config: { 'maxmemory-policy': 'allkeys-lru' } }, t)
  const client = new Redis(server.url)
  t.teardown(() => {
    client.disconnect()
  })
  const link = await openLink(t, server.url)

  t.test('after many attempts the pause is at most a day, and not none', async (t) => {
    const { queue, queueName } = openQueue(t, link, client, { attempts: 1000, backoffDelayMs: 5000 })
    await queue.add(eventOf('1'))
    await client.hset(`bull:${queueName}:${idempotencyTokenOf(eventOf('1'))}`, { atm: '900' })
    let runs = 0
    queue.process(async () => {
      runs += 1
      throw new Error('no')
    })
    await eventually(async () => (await queue.numbers()).delayed === 1)
    // A score of BullMQ is the time in ms, and twelve bits of order.
    const [, score] = await client.zrange(`bull:${queueName}:delayed`, '0', '0', 'WITHSCORES')
    const pauseMs = Number(score) / 4096 - Date.now()
    t.ok(pauseMs > 40_000_000 && pauseMs <= 86_400_000, `${pauseMs} ms`)
    t.equal(runs, 1)
  })

  t.test('an event that took its workers down is handled anew when it is replayed', async (t) => {
    const { queue, queueName } = openQueue(t, link, client, { attempts: 1 })
    let broken = true
    const attempts: number[] = []
    queue.process(async (_event, { number }) => {
      if (broken) throw new Error('no')
      attempts.push(number)
    })
    await queue.add(eventOf('1'))
    await eventually(async () => (await queue.numbers()).deadLetters === 1)
    const id = idempotencyTokenOf(eventOf('1'))
    // What BullMQ leaves of a job that stalled too often.
    await client.hset(`bull:${queueName}:${id}`, { defa: 'job stalled more than allowable limit', stc: '6' })
    broken = false
    t.equal(await queue.deadLetters.replay(id), true)
    await eventually(() => attempts.length === 1)
    t.strictSame(attempts, [1])
  })

  t.test('a handler whose lease is lost is told so', async (t) => {
    const { queue, queueName } = openQueue(t, link, client, { leaseSeconds: 1 })
    const reasons: unknown[] = []
    const numbers: number[] = []
    queue.process((_event, { signal, number }) => {
      numbers.push(number)
      if (numbers.length > 1) return Promise.resolve()
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reasons.push(signal.reason)
          reject(new Error('aborted'))
        })
      })
    })
    await queue.add(eventOf('1'))
    await eventually(() => numbers.length === 1)
    await client.del(`bull:${queueName}:${idempotencyTokenOf(eventOf('1'))}:lock`)
    await eventually(() => reasons.length === 1, { withinMs: 15_000 })
    t.match(reasons, [{ code: 'STAY_WEBHOOK_HANDLER_INTERRUPTED', message: /another worker/ }])
    await eventually(() => numbers.length === 2, { withinMs: 15_000 })
    t.strictSame(numbers, [1, 1])
  })

  t.test('a job that is none of ours is set aside, and the others are handled', async (t) => {
    const { queue, queueName } = openQueue(t, link, client, {})
    const foreign = new Queue(queueName, { connection: client })
    t.teardown(() => foreign.close())
    const job = await foreign.add('foreign', { any: 'thing' })
    const handled: string[] = []
    queue.process(async ({ id }) => void handled.push(id))
    await queue.add(eventOf('1'))
    await eventually(async () => (await queue.numbers()).deadLetters === 1)
    await eventually(() => handled.length === 1)
    t.match((await queue.deadLetters.list()).items, [{ id: job.id, provider: '', topic: 'foreign' }])
  })

  t.test('a worker waits for a Redis that is away, and does not ask again and again', async (t) => {
    const own = await startRedisServer({}, t)
    const ownClient = new Redis(own.url)
    ownClient.on('error', () => undefined)
    t.teardown(() => {
      ownClient.disconnect()
    })
    const ownLink = await openLink(t, own.url)
    let errors = 0
    const logger = { debug: () => void (errors += 1), warn: () => void (errors += 1) }
    const { queue } = openQueue(t, ownLink, ownClient, { logger })
    const handled: string[] = []
    queue.process(async ({ id }) => void handled.push(id))
    await queue.add(eventOf('1'))
    await eventually(() => handled.length === 1)
    await own.kill()
    await reaches(ownLink, 'down')
    await delay(1000)
    t.ok(errors < 50, `${errors} errors in a second`)
    await own.restart()
    await reaches(ownLink, 'up')
    await eventually(() => queue.add(eventOf('2')))
    await eventually(() => handled.length === 2, { withinMs: 15_000 })
  })

  t.test('an eviction policy is told by who connects, not on the console', async (t) => {
    const warned = t.capture(console, 'warn')
    const { queue } = openQueue(t, link, client)
    queue.process(() => Promise.resolve())
    await queue.add(eventOf('1'))
    await eventually(async () => (await queue.numbers()).active === 0)
    t.strictSame(warned(), [])
  })
})

t.test('on a Cluster', async (t) => {
  const rig = await startCluster({}, t)
  const cluster = new Cluster(rig.nodes.map(({ host, port }) => ({ host, port })))
  t.teardown(() => {
    cluster.disconnect()
  })
  const link = adoptClient(cluster, { name: 'queue' })
  t.teardown(() => link.close())
  await reaches(link, 'up')
  onServer(t, () => link, cluster)
})

t.test('pauses between attempts double up to a day, and half of each is chance', async (t) => {
  for (const [made, longest] of [
    [1, 5000],
    [2, 10_000],
    [5, 80_000],
    [20, 86_400_000],
    [1100, 86_400_000],
  ] as const) {
    const pauses = Array.from({ length: 500 }, () => backoffMs(made, 5000))
    t.ok(Math.max(...pauses) <= longest && Math.min(...pauses) >= longest / 2)
    t.ok(Math.max(...pauses) - Math.min(...pauses) > longest / 4)
  }
})
