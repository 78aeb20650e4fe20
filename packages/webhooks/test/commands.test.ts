import { openLink } from '@stayfast/link-test-kit'
import { eventually, longRuns, startRedisServer, type RedisServer } from '@stayfast/test-kit'
import { Redis } from 'ioredis'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { newCounters } from '../dist/counters.js'
import { Intake } from '../dist/intake.js'
import type { VerifiedEvent } from '../dist/providers/provider.js'
import type { BullEventQueue } from '../dist/queue/bull-event-queue.js'
import { RedisReceiptStore } from '../dist/receipts/redis-receipt-store.js'
import { openQueue } from './open-queue.js'

interface Rig {
  readonly server: RedisServer
  readonly queue: BullEventQueue
  readonly intake: Intake
  readonly another: () => BullEventQueue
}

/** Without heartbeats, so that every command is one of ours. */
async function openRig(t: Test, billedByCommand = false): Promise<Rig> {
  const server = await startRedisServer({}, t)
  const redis = new Redis(server.url, { lazyConnect: true })
  t.teardown(() => {
    redis.disconnect()
  })
  const link = await openLink(t, server.url, {
    heartbeatMs: false,
    traits: { billedByCommand, cluster: false, provider: 'local' },
  })
  const { queue, queueName } = openQueue(t, link, redis)
  const intake = new Intake({
    receipts: new RedisReceiptStore({ link, keyPrefix: '', claimSeconds: 10, rememberSeconds: 600 }),
    queue,
    canEnqueue: () => true,
    nowMs: () => Date.now(),
    retryAfterSeconds: 5,
    counters: newCounters(),
    logger: { debug: () => undefined },
  })
  return { server, queue, intake, another: () => openQueue(t, link, redis, { queueName }).queue }
}

const event = (id: string): VerifiedEvent => ({
  id,
  topic: 'x',
  tenantId: 'i-1',
  body: '{}',
  fingerprint: 'f',
})

t.test('an accepted event costs three commands, a duplicate one', async (t) => {
  const { server, intake } = await openRig(t)
  await intake.take('generic', event('0'))
  const accepted = await server.countCommands(() => intake.take('generic', event('1')))
  t.strictSame(accepted, { evalsha: 3 })
  const duplicate = await server.countCommands(() => intake.take('generic', event('1')))
  t.strictSame(duplicate, { evalsha: 1 })
  await t.rejects(intake.take('generic', { ...event('1'), fingerprint: 'g' }))
  const conflict = await server.countCommands(() =>
    intake.take('generic', { ...event('1'), fingerprint: 'g' }).catch(() => undefined),
  )
  t.strictSame(conflict, { evalsha: 1 })
})

t.test('a lone event costs six commands to handle, events in a row about four', async (t) => {
  const { server, queue, intake } = await openRig(t)
  let handled = 0
  queue.process(async (queued) => {
    await intake.settle(queued)
    handled += 1
  })
  const settled = async (): Promise<boolean> => {
    const { active, waiting } = await queue.numbers()
    return active === 0 && waiting === 0
  }
  await intake.take('generic', event('0'))
  await eventually(async () => handled === 1 && (await settled()))
  // The worker asks for the next one, finds none, and waits: that is when it is at rest.
  await delay(200)
  const one = await server.countCommands(async () => {
    await intake.take('generic', event('1'))
    await eventually(() => handled === 2)
    await delay(200)
  })
  const total = (counts: Record<string, number>): number =>
    Object.values(counts).reduce((sum, count) => sum + count, 0)
  t.strictSame(Object.keys(one).sort(), ['bzpopmin', 'evalsha'])
  t.ok(total(one) <= 3 + 6, JSON.stringify(one))

  const rowOf = 50
  const row = await server.countCommands(async () => {
    for (let id = 0; id < rowOf; id += 1) await intake.take('generic', event(`row ${id}`))
    await eventually(() => handled === 2 + rowOf)
    await delay(200)
  })
  const perEvent = total(row) / rowOf
  t.ok(perEvent <= 3 + 4.5, `${perEvent} commands for each of ${rowOf} events, taken and handled`)
})

t.test('to look at the queue and at dead letters costs what the README says', async (t) => {
  const { server, queue, intake, another } = await openRig(t)
  await queue.numbers()
  t.strictSame(await server.countCommands(() => queue.numbers()), { evalsha: 1 })
  await intake.take('generic', event('1'))
  await intake.take('generic', event('2'))
  await queue.numbers()
  t.strictSame(await server.countCommands(() => queue.numbers()), { evalsha: 2, hgetall: 1 })
  queue.process(() => Promise.reject(Object.assign(new Error('no'), { canRetry: false })))
  await eventually(async () => (await queue.numbers()).deadLetters === 2)
  await queue.close(1000)

  const { deadLetters } = another()
  const [one, other] = (await deadLetters.list()).items
  t.strictSame(await server.countCommands(() => deadLetters.list()), { evalsha: 1, hgetall: 2 })
  const replay = await server.countCommands(() => deadLetters.replay(one?.id ?? ''))
  t.strictSame({ ...replay, evalsha: 1, eval: 0 }, { hgetall: 1, hdel: 1, evalsha: 1, eval: 0 })
  const discard = await server.countCommands(() => deadLetters.discard(other?.id ?? ''))
  t.strictSame({ ...discard, evalsha: 1, eval: 0 }, { hgetall: 1, evalsha: 1, eval: 0 })
})

const idleMs = longRuns({ short: 11_000, long: 60_000 })
t.test('an idle worker costs few commands, and next to none where they are billed', async (t) => {
  const idle = async (billed: boolean): Promise<{ readonly total: number; readonly text: string }> => {
    const { server, queue } = await openRig(t, billed)
    queue.process(async () => undefined)
    await delay(500)
    const counts = await server.countCommands(() => delay(idleMs))
    const total = Object.values(counts).reduce((sum, count) => sum + count, 0)
    return { total, text: `${total} commands in ${idleMs / 1000} s: ${JSON.stringify(counts)}` }
  }
  const [usual, billed] = await Promise.all([idle(false), idle(true)])
  t.ok((usual.total * 60_000) / idleMs <= 50, usual.text)
  t.ok(billed.total <= Math.ceil((idleMs / 60_000) * 3), billed.text)
})
