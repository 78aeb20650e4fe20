import { eventually, longRuns, reaches, startFaultProxy, startRedisServer } from '@stayfast/test-kit'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { Bus, LocalCopies, type ClientLink } from '../dist/index.js'
import { openLink } from './open-link.js'

/** A register that each process answers from memory where it may; its values only grow. */
class Register {
  readonly #link: ClientLink
  readonly bus: Bus
  readonly copies: LocalCopies<number>
  hits = 0
  /** Holds the reply of the next read back, for interleavings. */
  holdReply: Promise<void> | undefined

  constructor(t: Test, link: ClientLink) {
    this.#link = link
    this.bus = new Bus({ link, leaseMs: 600 })
    this.copies = new LocalCopies({ bus: this.bus, topic: 'register', maxEntries: 100 })
    t.teardown(async () => {
      this.copies.close()
      await this.bus.close()
    })
  }

  async read(key: string): Promise<number> {
    const copy = this.copies.fresh(key)
    if (copy !== undefined) {
      this.hits += 1
      return copy
    }
    const read = this.copies.begin(key)
    try {
      const value = Number((await this.#link.run((client) => client.get(key))) ?? 0)
      await this.holdReply
      this.copies.keep(read, value)
      return value
    } catch (error) {
      this.copies.drop(read)
      throw error
    }
  }

  /** Resolves with what the register holds now, once every process has been told. */
  async increment(key: string): Promise<{ value: number; delivered: boolean }> {
    const value = Number(await this.#link.run((client) => client.call('incr', key)))
    this.copies.wrote(key, undefined)
    return { value, delivered: await this.copies.tell(key, { removed: false }) }
  }
}

async function join(t: Test, url: string): Promise<Register> {
  const link = openLink(t, url, { deadlineMs: 300, heartbeatMs: 200 })
  const register = new Register(t, link)
  await reaches(link, 'up')
  await eventually(() => register.bus.covered, { withinMs: 5000 })
  return register
}

t.test('a copy is answered without a command until somebody changes the key', async (t) => {
  const server = await startRedisServer({}, t)
  const [one, two] = [await join(t, server.url), await join(t, server.url)]
  await eventually(() => one.bus.members === 2 && two.bus.members === 2, { withinMs: 3000 })
  await one.read('a')
  t.equal(one.hits, 0)
  t.equal(await one.read('a'), 0)
  t.equal(one.hits, 1)
  t.strictSame(await two.increment('a'), { value: 1, delivered: true })
  t.equal(await one.read('a'), 1)
  t.equal(one.hits, 1)
})

t.test('a reply that was overtaken by a change is not kept', async (t) => {
  const server = await startRedisServer({}, t)
  const [reader, writer] = [await join(t, server.url), await join(t, server.url)]
  await eventually(() => reader.bus.members === 2 && writer.bus.members === 2, { withinMs: 3000 })
  let release: () => void = () => undefined
  reader.holdReply = new Promise((resolve) => {
    release = resolve
  })
  const slow = reader.read('a')
  await new Promise((resolve) => setTimeout(resolve, 50))
  await writer.increment('a')
  release()
  reader.holdReply = undefined
  t.equal(await slow, 0, 'the slow read began before the change')
  t.equal(reader.copies.fresh('a'), undefined)
  t.match(reader.copies.stale('a'), { value: 0 }, 'it is good enough for an outage alone')
  t.equal(await reader.read('a'), 1)
})

t.test(
  'without a lease nothing is answered from memory, and a stale copy is there for the outage',
  async (t) => {
    const server = await startRedisServer({}, t)
    const register = await join(t, server.url)
    await register.increment('a')
    // Its own message comes back and makes the copy stale once.
    await eventually(async () => (await register.read('a')) === 1 && register.copies.fresh('a') === 1, {
      withinMs: 2000,
    })
    server.freeze()
    await eventually(() => register.copies.fresh('a') === undefined, { withinMs: 3000 })
    t.match(register.copies.stale('a'), { value: 1, ageMs: Number })
    server.thaw()
  },
)

t.test(
  'property: no read that begins after a change was delivered returns an older value, whatever breaks',
  async (t) => {
    const server = await startRedisServer({}, t)
    const proxies = await Promise.all(
      [0, 1, 2].map(() => startFaultProxy({ host: server.host, port: server.port }, t)),
    )
    const registers = await Promise.all(proxies.map((proxy) => join(t, proxy.url(server.url))))
    const registerOf = (index: number): Register => {
      const register = registers[index]
      if (register === undefined) throw new RangeError(`There is no process ${index}.`)
      return register
    }
    const process = fc.nat(2)
    const key = fc.constantFrom('a', 'b')
    const step = fc.oneof(
      { weight: 12, arbitrary: fc.record({ kind: fc.constant('read' as const), process, key }) },
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('increment' as const), process, key }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('reset' as const), process }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('blackHole' as const), process }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('restore' as const), process }) },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 60 }) }),
      },
    )
    const delivered = new Map<string, number>()
    let operations = 0
    let reads = 0
    let deliveries = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
        const running: Promise<void>[] = []
        const stale: string[] = []
        operations += steps.length
        for (const step of steps) {
          if (step.kind === 'wait') await new Promise((resolve) => setTimeout(resolve, step.ms))
          else if (step.kind === 'reset') proxies[step.process]?.resetAll()
          else if (step.kind === 'blackHole') proxies[step.process]?.blackHole()
          else if (step.kind === 'restore') await proxies[step.process]?.restore()
          else if (step.kind === 'read') {
            const atLeast = delivered.get(step.key) ?? 0
            running.push(
              registerOf(step.process)
                .read(step.key)
                .then(
                  (value) => {
                    reads += 1
                    if (value < atLeast) stale.push(`${step.key}: ${value} after ${atLeast} was delivered`)
                  },
                  () => undefined,
                ),
            )
          } else {
            running.push(
              registerOf(step.process)
                .increment(step.key)
                .then(
                  (change) => {
                    if (!change.delivered) return
                    deliveries += 1
                    delivered.set(step.key, Math.max(delivered.get(step.key) ?? 0, change.value))
                  },
                  () => undefined,
                ),
            )
          }
        }
        for (const proxy of proxies) await proxy.restore()
        await Promise.all(running)
        if (stale.length > 0) throw new Error(stale.join('\n'))
      }),
      { numRuns: longRuns({ short: 25, long: 1500 }), endOnFailure: true },
    )
    const hits = registers.reduce((sum, register) => sum + register.hits, 0)
    t.comment(`operations: ${operations}`)
    t.comment(`${reads} reads, ${hits} of them from memory, ${deliveries} changes delivered`)
    t.ok(hits > 50, 'memory was used')
    t.ok(deliveries > 25, 'changes were delivered')
  },
)
