import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { startRedisServer } from '@stayfast/test-kit'
import { TurnBatch, type Share } from '../dist/index.js'
import { openLink } from './open-link.js'

/** Batches that are answered when the test says so. */
class Desk {
  readonly sent: (readonly string[])[] = []
  readonly #answers: PromiseWithResolvers[] = []

  send(items: readonly string[]): Promise<readonly string[]> {
    this.sent.push(items)
    return new Promise((resolve, reject) => this.#answers.push({ resolve, reject }))
  }

  answer(batch: number): void {
    this.#answers[batch]?.resolve((this.sent[batch] ?? []).map((item) => item.toUpperCase()))
  }

  fail(batch: number): void {
    this.#answers[batch]?.reject(new Error('no answer'))
  }
}

interface PromiseWithResolvers {
  resolve(replies: readonly string[]): void
  reject(error: Error): void
}

async function replyOf({ replies, first }: Share<string>): Promise<string | undefined> {
  return (await replies)[first]
}

t.test('what is asked for in one turn is sent once, and each caller has its own reply', async (t) => {
  const desk = new Desk()
  const batch = new TurnBatch<string, string>({ send: (items) => desk.send(items), maxWeight: 10 })
  const shares = [batch.add(['a'], 1), batch.add(['b', 'c'], 2), batch.add(['d'], 1)]
  t.strictSame(desk.sent, [], 'not before the turn is over')
  await turn()
  t.strictSame(desk.sent, [['a', 'b', 'c', 'd']])
  desk.answer(0)
  t.strictSame(await Promise.all(shares.map(replyOf)), ['A', 'B', 'D'])
  const later = batch.add(['e'], 1)
  await turn()
  desk.answer(1)
  t.equal(await replyOf(later), 'E')
})

t.test('a batch that is full goes at once, and the next begins', async (t) => {
  const desk = new Desk()
  const batch = new TurnBatch<string, string>({ send: (items) => desk.send(items), maxWeight: 2 })
  for (const item of ['a', 'b', 'c', 'd', 'e']) batch.add([item], 1)
  t.strictSame(desk.sent, [
    ['a', 'b'],
    ['c', 'd'],
  ])
  await turn()
  t.strictSame(desk.sent[2], ['e'])
  const alone = new TurnBatch<string, string>({ send: (items) => desk.send(items), maxWeight: 0 })
  alone.add(['f'], 1)
  t.strictSame(desk.sent[3], ['f'], 'with no weight allowed each goes alone')
})

t.test('a patient batch takes what the sockets of this turn bring', async (t) => {
  const desk = new Desk()
  const send = (items: readonly string[]): Promise<readonly string[]> => desk.send(items)
  const prompt = new TurnBatch<string, string>({ send, maxWeight: 10 })
  const patient = new TurnBatch<string, string>({ send, maxWeight: 10, patient: true })
  const reads = setImmediate(() => {
    prompt.add(['prompt, later'], 1)
    patient.add(['patient, later'], 1)
  })
  t.teardown(() => clearImmediate(reads))
  prompt.add(['prompt'], 1)
  patient.add(['patient'], 1)
  await turn()
  await turn()
  t.strictSame(desk.sent, [['prompt'], ['prompt, later'], ['patient', 'patient, later']])
})

t.test('a batch that is not answered fails for all who share it, and for nobody else', async (t) => {
  const desk = new Desk()
  const batch = new TurnBatch<string, string>({ send: (items) => desk.send(items), maxWeight: 10 })
  const lost = [batch.add(['a'], 1), batch.add(['b'], 1)]
  await turn()
  const kept = batch.add(['c'], 1)
  await turn()
  let settled = false
  const all = batch.settled().then(() => {
    settled = true
  })
  desk.fail(0)
  for (const share of lost) await t.rejects(replyOf(share), { message: 'no answer' })
  t.notOk(settled, 'one is under way')
  desk.answer(1)
  t.equal(await replyOf(kept), 'C')
  await all
})

t.test('on a server a crowd costs a command for each full batch', async (t) => {
  const server = await startRedisServer({}, t)
  const link = openLink(t, server.url, { heartbeatMs: false })
  const batch = new TurnBatch<string, string | null>({
    send: (keys) => link.run((redis) => redis.mget(...keys)),
    maxWeight: 16,
  })
  const counts = await server.countCommands(async () => {
    await Promise.all(Array.from({ length: 40 }, (_, index) => batch.add([`visit:${index}`], 1).replies))
  })
  t.strictSame(counts, { mget: 3 })
})
