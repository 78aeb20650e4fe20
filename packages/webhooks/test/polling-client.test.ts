import { RedisUnavailableError, type RedisLink } from '@stayfast/redis-kit'
import { eventually, startFaultProxy, startRedisServer } from '@stayfast/test-kit'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { PatientSender } from '../dist/queue/patient-sender.js'
import { PollingClient } from '../dist/queue/polling-client.js'
import { eventOf } from './event-queue-contract.js'
import { openLink } from '@stayfast/link-test-kit'
import { openQueue } from './open-queue.js'

const marker = 'marker'

/** Over a link of its own; BullMQ is not there. */
function pollingClient(t: Test, link: RedisLink): PollingClient {
  const sender = new PatientSender(link, () => undefined)
  t.teardown(() => {
    sender.stop()
  })
  return new PollingClient({
    send: sender.send,
    isCluster: false,
    info: '',
    openBlocking: () => {
      throw new Error('It waits itself.')
    },
  })
}

/** The link, but what `isLost` of what was answered is told as an answer that never came. */
function withoutReply(link: RedisLink, isLost: (reply: unknown) => boolean): RedisLink {
  const run: RedisLink['run'] = async (work, options) => {
    const reply = await link.run(work, options)
    if (!isLost(reply)) return reply
    throw new RedisUnavailableError('The reply is lost.', { outcome: 'unknown', status: 'suspect' })
  }
  return new Proxy(link, {
    get: (target, name): unknown => {
      if (name === 'run') return run
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

for (const [fault, reset] of [
  ['whose connection is cut', true],
  ['that misses its deadline', false],
] as const) {
  t.test(`after a look ${fault} the next wait ends as if there were work, and only that one`, async (t) => {
    const server = await startRedisServer({}, t)
    const proxy = await startFaultProxy(server, t)
    const client = pollingClient(t, await openLink(t, proxy.url(server.url)))
    await server.command('zadd', marker, '0', '0')
    proxy.dropReplies({ count: 1, matching: /^zpopmin/i, reset })
    await t.rejects(client.bzpopmin(marker, 0), { name: 'ConnectionClosedError' })
    t.equal(await server.command('exists', marker), 0, 'the server has carried it out')
    t.strictSame(await client.bzpopmin(marker, 5), [marker, '0', '0'])
    await proxy.restore()
    t.equal(await client.bzpopmin(marker, 0), null)
    await server.command('zadd', marker, '1700', '1')
    t.strictSame(await client.bzpopmin(marker, 0), [marker, '1', '1700'])
  })
}

t.test('a look that was refused has taken nothing: the next one asks', async (t) => {
  const server = await startRedisServer({}, t)
  const client = pollingClient(t, await openLink(t, server.url))
  await server.command('set', marker, 'no sorted set')
  await t.rejects(client.bzpopmin(marker, 0), { name: 'ConnectionClosedError' })
  await server.command('del', marker)
  t.equal(await client.bzpopmin(marker, 0), null)
})

t.test('an event is handled soon although the reply with its marker was lost', async (t) => {
  const server = await startRedisServer({}, t)
  const link = await openLink(t, server.url)
  const redis = new Redis(server.url)
  t.teardown(() => {
    redis.disconnect()
  })
  let lost = 0
  const losing = withoutReply(link, (reply) => {
    if (lost > 0 || !Array.isArray(reply) || reply.join() !== '0,0') return false
    lost += 1
    return true
  })
  const { queue, queueName } = openQueue(t, losing, redis, { openBlocking: undefined })
  const handled: string[] = []
  queue.process(async ({ id }) => void handled.push(id))
  // An idle worker looks, and has found nothing.
  const looks = async (): Promise<boolean> => {
    const stats = String(await server.command('info', 'commandstats'))
    return /cmdstat_zpopmin:calls=[1-9]/.test(stats)
  }
  await eventually(looks)
  await queue.add(eventOf('1'))
  // BullMQ itself would look at the queue ten seconds later.
  await eventually(() => handled.length === 1, { withinMs: 8000 })
  t.equal(lost, 1, 'the look that took the marker')
  t.equal(await redis.exists(`bull:${queueName}:marker`), 0)
})
