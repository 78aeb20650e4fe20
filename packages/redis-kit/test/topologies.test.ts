import { eventually, reaches, topologies, type Topology } from '@stayfast/test-kit'
import t, { type Test } from 'tap'
import { Bus, defineScript, LocalCopies, Outbox, StampSource, type RedisLink } from '../dist/index.js'
import { openTopologyLink } from './open-topology-link.js'
import { read, replay, type Operation } from './register.js'

/** More than one of them on each shard of a Cluster. */
const keys = Array.from({ length: 30 }, (_, index) => `key:${index}`)

async function openUp(t: Test, { access }: Topology): Promise<RedisLink> {
  const link = openTopologyLink(t, access)
  await reaches(link, 'up', 10_000)
  return link
}

// KEYS[1], KEYS[2] of one slot · ARGV[1] what is added to both · reply: their sum
const addToBoth = defineScript(
  `return redis.call('INCRBY', KEYS[1], ARGV[1]) + redis.call('INCRBY', KEYS[2], ARGV[1])`,
  Number,
)

for (const [name, start] of Object.entries(topologies)) {
  t.test(`on ${name}`, async (t) => {
    const topology = await start(t)

    t.test('a script runs on every shard, whether it is known there or not', async (t) => {
      await topology.empty()
      const link = await openUp(t, topology)
      for (const expected of [2, 4]) {
        const sums = await Promise.all(
          keys.map((key) => link.run((client) => addToBoth.run(client, [`{${key}}:a`, `{${key}}:b`], [1]))),
        )
        t.strictSame(new Set(sums), new Set([expected]))
      }
    })

    t.test('what was accepted while Redis was away is there when it is back', async (t) => {
      await topology.empty()
      const link = await openUp(t, topology)
      const outbox = new Outbox<Operation>({ name: 'register', link, replay })
      const stamps = new StampSource(link.clock)
      t.teardown(() => {
        outbox.close()
      })
      topology.freeze()
      try {
        await reaches(link, 'down', 8000)
        for (const round of [1, 2, 3]) {
          for (const key of keys)
            outbox.add(key, { operation: { set: `${key} ${round}` }, stamp: stamps.next() })
        }
        outbox.add('key:0', { operation: { remove: true }, stamp: stamps.next() })
      } finally {
        topology.thaw()
      }
      await eventually(() => outbox.size === 0, { withinMs: 15_000 })
      const values = await Promise.all(keys.map((key) => link.run((client) => read(client, key))))
      t.strictSame(
        values,
        keys.map((key, index) => (index === 0 ? undefined : `${key} 3`)),
      )
    })

    t.test('a change is delivered to every process, and no copy outlives it', async (t) => {
      await topology.empty()
      const processes = await Promise.all([1, 2, 3].map(() => joinBus(t, topology)))
      await eventually(() => processes.every(({ bus }) => bus.covered && bus.members === 3), {
        withinMs: 10_000,
      })
      for (let round = 0; round < 30; round++) {
        const writer = processes[round % 3]
        const key = keys[round % 5] ?? ''
        await Promise.all(processes.map((process) => process.read(key)))
        t.equal(await writer?.write(key, String(round)), true, 'delivered')
        for (const again of [false, true]) {
          const values = await Promise.all(processes.map((process) => process.read(key)))
          t.strictSame(values, [String(round), String(round), String(round)], again ? 'again' : 'at once')
        }
      }
      t.ok(
        processes.every(({ hits }) => hits > 0),
        'memory was used',
      )
    })
  })
}

interface BusProcess {
  readonly bus: Bus
  readonly hits: number
  read(key: string): Promise<string | undefined>
  /** Whether every process has been told. */
  write(key: string, value: string): Promise<boolean>
}

async function joinBus(t: Test, topology: Topology): Promise<BusProcess> {
  const link = await openUp(t, topology)
  const bus = new Bus({ link })
  const copies = new LocalCopies<string | undefined>({ bus, topic: 'register', maxEntries: 100 })
  t.teardown(async () => {
    copies.close()
    await bus.close()
  })
  let hits = 0
  return {
    bus,
    get hits() {
      return hits
    },
    async read(key) {
      const copy = copies.fresh(key)
      if (copy !== undefined) {
        hits += 1
        return copy
      }
      const pending = copies.begin(key)
      const value = (await link.run((client) => client.get(key))) ?? undefined
      copies.keep(pending, value)
      return value
    },
    async write(key, value) {
      await link.run((client) => client.set(key, value))
      copies.wrote(key, value)
      return copies.tell(key, { removed: false })
    },
  }
}
