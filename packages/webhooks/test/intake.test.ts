import { openLink } from '@stayfast/link-test-kit'
import { eventually, startFaultProxy, startRedisServer } from '@stayfast/test-kit'
import type { RedisLink } from '@stayfast/redis-kit'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { newCounters } from '../dist/counters.js'
import { Intake } from '../dist/intake.js'
import type { VerifiedEvent } from '../dist/providers/provider.js'
import type { EventQueue } from '../dist/queue/event-queue.js'
import type { ReceiptStore } from '../dist/receipts/receipt-store.js'
import { RedisReceiptStore } from '../dist/receipts/redis-receipt-store.js'
import { openQueue } from './open-queue.js'

const server = await startRedisServer({}, t)
const redis = new Redis(server.url)
t.teardown(() => {
  redis.disconnect()
})

const event: VerifiedEvent = { id: 'w-1', topic: 'x', tenantId: 'i-1', body: '{}', fingerprint: 'f' }
/** For tests that wait for a lease to end; the others must not depend on that. */
const hasty = 0.3
const patient = 60

interface Parts {
  readonly receipts: ReceiptStore
  readonly queue: EventQueue
}

function intakeOn({ receipts, queue }: Parts): Intake {
  return new Intake({
    receipts,
    queue,
    canEnqueue: () => true,
    nowMs: () => Date.now(),
    retryAfterSeconds: 5,
    counters: newCounters(),
    logger: { debug: () => undefined },
  })
}

/** A queue and receipts on Redis, and the links they go through. */
async function openParts(
  t: Test,
  claimSeconds: number,
  url: { readonly queue: string; readonly receipts: string } = { queue: server.url, receipts: server.url },
): Promise<Parts & { readonly link: RedisLink; readonly another: () => EventQueue }> {
  const link = await openLink(t, url.queue)
  const receiptLink = await openLink(t, url.receipts)
  const { queue, queueName } = openQueue(t, link, redis)
  const receipts = new RedisReceiptStore({
    link: receiptLink,
    keyPrefix: `${queueName}:`,
    claimSeconds,
    rememberSeconds: 600,
  })
  return { queue, receipts, link, another: () => openQueue(t, link, redis, { queueName }).queue }
}

/** Handles everything, and settles as the plugin does. */
function handle(parts: Parts, intake: Intake = intakeOn(parts)): string[] {
  const handled: string[] = []
  parts.queue.process(async (queued) => {
    handled.push(queued.id)
    await intake.settle(queued)
  })
  return handled
}

/** The same object, but for some of its methods. */
function overriding<Target extends object>(target: Target, methods: Partial<Target>): Target {
  return new Proxy(target, {
    get: (_target, name): unknown => {
      const own: unknown = Reflect.get(methods, name)
      const value: unknown = own ?? Reflect.get(target, name)
      return typeof value === 'function' && own === undefined ? value.bind(target) : value
    },
  })
}

/** Never settles, as far as its caller lived to see. */
const died = (): Promise<never> => new Promise(() => undefined)
const busy = { code: 'STAY_WEBHOOK_BUSY', statusCode: 503 }

async function takenBy(intake: Intake): Promise<string> {
  return eventually(() => intake.take('generic', event))
}

t.test('crash after claiming: repetitions wait for the lease to end, then one goes through', async (t) => {
  for (const claimSeconds of [patient, hasty]) {
    await redis.flushall()
    const parts = await openParts(t, claimSeconds)
    const dying = intakeOn({
      ...parts,
      queue: overriding(parts.queue, { add: died }),
    })
    void dying.take('generic', event)
    await eventually(async () => (await redis.keys('*')).length > 0)
    const intake = intakeOn(parts)
    if (claimSeconds === patient) {
      await t.rejects(intake.take('generic', event), busy, 'its sender is not kept waiting for long')
    } else {
      const handled = handle(parts)
      t.equal(await takenBy(intake), 'accepted')
      await eventually(() => handled.length === 1)
      t.equal(await intake.take('generic', event), 'duplicate')
    }
  }
})

t.test('copies that come at the same moment are duplicates of the one that gets through', async (t) => {
  const parts = await openParts(t, patient)
  const [one, other] = [intakeOn(parts), intakeOn({ ...parts, queue: parts.another() })]
  const copies = Array.from({ length: 10 }, () => [one.take('generic', event), other.take('generic', event)])
  const outcomes = await Promise.all(copies.flat())
  t.strictSame(
    ['accepted', 'duplicate'].map((outcome) => outcomes.filter((one) => one === outcome).length),
    [1, 19],
  )
  const handled = handle(parts)
  await eventually(() => handled.length === 1)
  t.match(await parts.queue.numbers(), { waiting: 0 })
})

t.test('crash after enqueueing: the event is handled once, whenever its repetition comes', async (t) => {
  for (const repetition of ['while it waits', 'when it was handled'] as const) {
    const parts = await openParts(t, hasty)
    const { receipts } = parts
    const dying = intakeOn({
      queue: parts.queue,
      receipts: overriding(receipts, { accept: died }),
    })
    void dying.take('generic', event)
    await eventually(async () => (await parts.queue.numbers()).waiting === 1)
    const intake = intakeOn(parts)
    if (repetition === 'while it waits') {
      t.equal(await takenBy(intake), 'accepted', 'it cannot know that the event is there')
      t.match(await parts.queue.numbers(), { waiting: 1 })
    }
    const handled = handle(parts)
    await eventually(() => handled.length === 1)
    await eventually(async () => (await parts.queue.numbers()).active === 0)
    t.equal(await intake.take('generic', event), 'duplicate', repetition)
    t.strictSame(handled, ['w-1'])
  }
})

t.test('an answer of the queue that was lost is a 503, and the retry runs nothing twice', async (t) => {
  const proxy = await startFaultProxy(server, t)
  const parts = await openParts(t, patient, { queue: proxy.url(server.url), receipts: server.url })
  const intake = intakeOn(parts)
  // The server learns the script before.
  await intake.take('generic', { ...event, id: 'w-0' })
  proxy.dropReplies({ count: 1, matching: /^evalsha/i })
  await t.rejects(intake.take('generic', event), {
    code: 'STAY_WEBHOOK_UNAVAILABLE',
    statusCode: 503,
    canRetry: true,
    headers: { 'retry-after': '5' },
    cause: { code: 'STAY_REDIS_UNAVAILABLE', outcome: 'unknown' },
  })
  await t.rejects(intakeOn(parts).take('generic', event), busy, 'it may be in the queue')
  await proxy.restore()
  const other = { ...parts, queue: parts.another() }
  const handled = handle(other)
  await eventually(() => handled.length === 2, { withinMs: 15_000 })
  await eventually(async () => (await other.queue.numbers()).active === 0)
  t.equal(await eventually(() => intakeOn(other).take('generic', event)), 'duplicate')
  t.strictSame(handled.sort(), ['w-0', 'w-1'])
})

t.test('an answer of the receipts that was lost after the event was queued is a 202', async (t) => {
  const proxy = await startFaultProxy(server, t)
  const parts = await openParts(t, patient, { queue: server.url, receipts: proxy.url(server.url) })
  const { receipts } = parts
  const losing = intakeOn({
    queue: parts.queue,
    receipts: overriding(receipts, {
      accept: async (...accept) => {
        await proxy.refuse()
        await receipts.accept(...accept)
      },
    }),
  })
  t.equal(await losing.take('generic', event), 'accepted')
  await proxy.restore()
  t.match(await parts.queue.numbers(), { waiting: 1 })
  const intake = intakeOn(parts)
  const handled = handle(parts, intake)
  await eventually(() => handled.length === 1)
  t.equal(await takenBy(intake), 'duplicate')
  t.strictSame(handled, ['w-1'])
})

t.test('a claim whose event was certainly not queued is given back at once', async (t) => {
  const full = await startRedisServer({}, t)
  const parts = await openParts(t, patient, { queue: full.url, receipts: server.url })
  const intake = intakeOn(parts)
  await intake.take('generic', { ...event, id: 'w-0' })
  await full.fillMemory()
  await t.rejects(intake.take('generic', event), {
    code: 'STAY_WEBHOOK_UNAVAILABLE',
    cause: { code: 'STAY_REDIS_REFUSED', reason: 'out-of-memory' },
  })
  await full.freeMemory()
  t.equal(await takenBy(intake), 'accepted')
})

t.test('what was accepted in this process is not accepted a second time by its worker', async (t) => {
  const parts = await openParts(t, patient)
  let accepts = 0
  const { receipts } = parts
  const counting = {
    queue: parts.queue,
    receipts: overriding(receipts, {
      accept: async (...accept: Parameters<ReceiptStore['accept']>) => {
        accepts += 1
        await receipts.accept(...accept)
      },
    }),
  }
  const intake = intakeOn(counting)
  const handled = handle(counting, intake)
  await intake.take('generic', event)
  await eventually(() => handled.length === 1)
  t.equal(accepts, 1)
})

t.test('what is no failure of Redis is not called one', async (t) => {
  const parts = await openParts(t, patient)
  const broken = intakeOn({
    receipts: parts.receipts,
    queue: overriding(parts.queue, { add: () => Promise.reject(new TypeError('a bug')) }),
  })
  await t.rejects(broken.take('generic', event), TypeError)
})
