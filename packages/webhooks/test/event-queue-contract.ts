import { eventually } from '@stayfast/test-kit'
import type { Test } from 'tap'
import type { Attempt, EventQueue, OnFailure, QueuedEvent } from '../dist/queue/event-queue.js'
import { idempotencyTokenOf } from '../dist/event-key.js'

export interface QueueSettings {
  readonly concurrency: number
  readonly attempts: number
  readonly backoffDelayMs: number
  readonly leaseSeconds: number
  readonly onFailure: OnFailure
}

export interface QueueUnderTest {
  /** What was interrupted goes on in another worker; in memory it ends with the process. */
  readonly outlivesItsWorker: boolean
  readonly create: (t: Test, settings: QueueSettings) => Promise<EventQueue>
  /** A second worker on the queue that was created last. */
  readonly another?: (t: Test, settings: QueueSettings) => Promise<EventQueue>
}

export const usual: QueueSettings = {
  concurrency: 3,
  attempts: 3,
  backoffDelayMs: 20,
  leaseSeconds: 10,
  onFailure: () => undefined,
}

export function eventOf(id: string, more: Partial<QueuedEvent> = {}): QueuedEvent {
  return {
    provider: 'shopify',
    tenantId: 'one.example.test',
    id,
    topic: 'orders/create',
    body: `{"id":"${id}","note":"Käse 🧀"}`,
    fingerprint: 'f',
    receivedAtMs: Date.now(),
    ...more,
  }
}

export function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}

/** What every queue of events does. */
export function eventQueueContract(t: Test, { outlivesItsWorker, create, another }: QueueUnderTest): void {
  t.test('an event is handled as it was added, also when the worker comes later', async (t) => {
    const queue = await create(t, usual)
    const event = eventOf('1')
    await queue.add(event)
    t.match(await queue.numbers(), { waiting: 1, active: 0, delayed: 0, deadLetters: 0 })
    const handled: [QueuedEvent, Attempt][] = []
    queue.process(async (...run) => void handled.push(run))
    await eventually(() => handled.length === 1)
    t.strictSame(handled[0]?.[0], event)
    t.match(handled[0]?.[1], { number: 1, last: false, repeated: false })
    await eventually(async () => (await queue.numbers()).active === 0)
    t.strictSame(await queue.numbers(), {
      waiting: 0,
      active: 0,
      delayed: 0,
      deadLetters: 0,
      oldestWaitingSeconds: 0,
    })
  })

  t.test('the same event twice is one event, waiting, running or dead', async (t) => {
    const queue = await create(t, { ...usual, attempts: 1 })
    const event = eventOf('1')
    await queue.add(event)
    await queue.add(event)
    t.match(await queue.numbers(), { waiting: 1 })
    const gate = deferred()
    let runs = 0
    queue.process(async () => {
      runs += 1
      await gate.promise
      throw new Error('no')
    })
    await eventually(() => runs === 1)
    await queue.add(event)
    t.match(await queue.numbers(), { waiting: 0, active: 1 })
    gate.resolve()
    await eventually(async () => (await queue.numbers()).deadLetters === 1)
    await queue.add(event)
    t.match(await queue.numbers(), { waiting: 0, active: 0, deadLetters: 1 })
    t.equal(runs, 1)
  })

  t.test('events of other tenants and other senders are other events', async (t) => {
    const queue = await create(t, usual)
    await queue.add(eventOf('1'))
    await queue.add(eventOf('1', { tenantId: 'two.example.test' }))
    await queue.add(eventOf('1', { provider: 'generic' }))
    t.match(await queue.numbers(), { waiting: 3 })
  })

  t.test('what fails is tried again, and set aside after its last attempt', async (t) => {
    const failures: string[] = []
    const queue = await create(t, {
      ...usual,
      onFailure: (event, error, { attempt, final }) => {
        failures.push(`${event.id} ${error.message} ${attempt} ${final}`)
      },
    })
    const attempts: string[] = []
    queue.process(async (event, { number, last, repeated }) => {
      attempts.push(`${event.id} ${number} ${last} ${repeated}`)
      if (event.id === 'bad') throw new Error('boom')
    })
    await queue.add(eventOf('bad'))
    await queue.add(eventOf('good'))
    await eventually(async () => (await queue.numbers()).deadLetters === 1)
    t.strictSame(
      attempts.filter((line) => line.startsWith('bad')),
      ['bad 1 false false', 'bad 2 false false', 'bad 3 true false'],
    )
    t.ok(attempts.includes('good 1 false false'))
    await eventually(() => failures.length === 3)
    t.strictSame(failures, ['bad boom 1 false', 'bad boom 2 false', 'bad boom 3 true'])
    const { items, cursor } = await queue.deadLetters.list()
    t.equal(cursor, undefined)
    t.match(items, [
      {
        id: idempotencyTokenOf(eventOf('bad')),
        provider: 'shopify',
        topic: 'orders/create',
        tenantId: 'one.example.test',
        eventId: 'bad',
        attempts: 3,
        reason: 'boom',
        receivedAt: Date,
        failedAt: Date,
      },
    ])
    t.ok(Math.abs(Date.now() - Number(items[0]?.failedAt)) < 60_000)
  })

  t.test('an error that says that another attempt makes no sense is believed', async (t) => {
    const queue = await create(t, usual)
    let runs = 0
    queue.process(async () => {
      runs += 1
      throw Object.assign(new Error('never'), { canRetry: false })
    })
    await queue.add(eventOf('1'))
    await eventually(async () => (await queue.numbers()).deadLetters === 1)
    t.equal(runs, 1)
    t.match((await queue.deadLetters.list()).items, [{ reason: 'never', attempts: 1 }])
  })

  t.test('dead letters are listed in pages, replayed and discarded', async (t) => {
    const queue = await create(t, { ...usual, attempts: 1, concurrency: 1 })
    let broken = true
    const handled: string[] = []
    queue.process(async ({ id }, { number }) => {
      if (broken) throw new Error('broken')
      handled.push(`${id} ${number}`)
    })
    for (const id of ['1', '2', '3', '4', '5']) {
      await queue.add(eventOf(id))
      await eventually(async () => (await queue.numbers()).deadLetters === Number(id))
    }
    const ids: string[] = []
    let cursor: string | undefined
    do {
      const page = await queue.deadLetters.list({ cursor, limit: 2 })
      t.ok(page.items.length <= 2)
      ids.push(...page.items.map(({ eventId }) => eventId))
      cursor = page.cursor
    } while (cursor !== undefined)
    t.strictSame(ids, ['5', '4', '3', '2', '1'])

    broken = false
    const idOf = (id: string): string => idempotencyTokenOf(eventOf(id))
    t.equal(await queue.deadLetters.replay(idOf('2')), true)
    await eventually(() => handled.length === 1)
    t.strictSame(handled, ['2 1'], 'with all its attempts')
    await eventually(async () => (await queue.numbers()).active === 0)
    t.equal(await queue.deadLetters.replay(idOf('2')), false)
    t.equal(await queue.deadLetters.discard(idOf('3')), true)
    t.equal(await queue.deadLetters.discard(idOf('3')), false)
    t.equal(await queue.deadLetters.replay('wh_nobody'), false)
    t.equal(await queue.deadLetters.discard('wh_nobody'), false)
    const left = (await queue.deadLetters.list()).items
    t.strictSame(
      left.map(({ eventId }) => eventId),
      ['5', '4', '1'],
    )
    for (const wrong of [{ limit: 0 }, { limit: 201 }, { limit: 1.5 }, { cursor: 'x' }, { cursor: '-1' }]) {
      await t.rejects(queue.deadLetters.list(wrong), { code: 'STAY_WEBHOOK_PAGE_INVALID' })
    }
  })

  t.test('an event that is not dead is neither replayed nor discarded', async (t) => {
    const queue = await create(t, usual)
    await queue.add(eventOf('1'))
    const id = idempotencyTokenOf(eventOf('1'))
    t.equal(await queue.deadLetters.replay(id), false)
    t.equal(await queue.deadLetters.discard(id), false)
    t.match(await queue.numbers(), { waiting: 1 })
  })

  t.test('so many handlers run at once as were asked for, and the age of what waits is told', async (t) => {
    const queue = await create(t, { ...usual, concurrency: 2 })
    const gate = deferred()
    let running = 0
    let most = 0
    let done = 0
    queue.process(async () => {
      running += 1
      most = Math.max(most, running)
      await gate.promise
      running -= 1
      done += 1
    })
    for (const id of ['1', '2', '3', '4', '5']) {
      await queue.add(eventOf(id, { receivedAtMs: Date.now() - 1000 }))
    }
    await eventually(() => running === 2)
    await eventually(async () => {
      const { waiting, active, oldestWaitingSeconds } = await queue.numbers()
      return waiting === 3 && active === 2 && oldestWaitingSeconds > 0.1
    })
    gate.resolve()
    await eventually(() => done === 5)
    t.equal(most, 2)
  })

  t.test('the close waits for a handler that is running', async (t) => {
    const queue = await create(t, usual)
    const gate = deferred()
    let state = 'none'
    queue.process(async () => {
      state = 'running'
      await gate.promise
      state = 'done'
    })
    await queue.add(eventOf('1'))
    await eventually(() => state === 'running')
    const closed = queue.close(30_000)
    gate.resolve()
    t.equal(await closed, 0)
    t.equal(state, 'done')
  })

  t.test('the close interrupts a handler that takes too long', async (t) => {
    const queue = await create(t, usual)
    let reason: unknown
    let started = false
    queue.process((_event, { signal }) => {
      started = true
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reason = signal.reason
          reject(new Error('interrupted'))
        })
      })
    })
    await queue.add(eventOf('1'))
    await eventually(() => started)
    t.equal(await queue.close(50), 1)
    t.match(reason, { code: 'STAY_WEBHOOK_HANDLER_INTERRUPTED', message: /closing/ })
    t.equal(another !== undefined, outlivesItsWorker)
    if (another === undefined) return
    const second = await another(t, usual)
    const attempts: Attempt[] = []
    second.process(async (_event, attempt) => void attempts.push(attempt))
    await eventually(() => attempts.length === 1)
    t.match(attempts, [{ number: 1, repeated: true }], 'its event is taken up by another worker at once')
  })
}
