import t from 'tap'
import { MemoryInstanceStore } from '../dist/stores/memory-instance-store.js'
import { instanceStoreContract } from './instance-store-contract.js'

const dayMs = 86_400_000

t.test('the contract of all stores', async (t) => {
  instanceStoreContract(t, {
    durability: 'buffered',
    create: async (_t, { maxBytes }) =>
      new MemoryInstanceStore({ ttlSeconds: 3600, maxBytes, maxInstances: 10_000 }),
  })
})

t.test('an instance that nobody uses is forgotten after its TTL, one in use never', async (t) => {
  let nowMs = 1
  const store = new MemoryInstanceStore({
    ttlSeconds: (30 * dayMs) / 1000,
    maxBytes: 1000,
    maxInstances: 10,
    clock: { now: () => nowMs },
  })
  await store.write('used', { kind: 'replace', fields: new Map() })
  await store.write('unused', { kind: 'replace', fields: new Map() })
  await store.write('listed', { kind: 'replace', fields: new Map() })
  for (let day = 0; day < 60; day += 1) {
    nowMs += dayMs
    t.equal(await store.read('used'), '{"id":"used"}')
    await store.page({ cursor: undefined, limit: 10 })
  }
  t.equal(await store.read('unused'), undefined)
  t.equal(await store.read('listed'), undefined, 'to be listed is no use')
  t.match(await store.write('unused', { kind: 'patch', fields: new Map() }), { document: undefined })
  t.match(await store.write('unused', { kind: 'remove' }), { existed: false })
  t.strictSame(await store.page({ cursor: undefined, limit: 10 }), {
    documents: ['{"id":"used"}'],
    cursor: undefined,
  })
})

t.test('at the limit a new instance is refused, and none that was accepted is dropped', async (t) => {
  let nowMs = 1
  const store = new MemoryInstanceStore({
    ttlSeconds: 60,
    maxBytes: 1000,
    maxInstances: 3,
    clock: { now: () => nowMs },
  })
  for (const id of ['a', 'b', 'c']) await store.write(id, { kind: 'replace', fields: new Map() })
  await t.rejects(store.write('d', { kind: 'replace', fields: new Map() }), {
    code: 'STAY_INSTANCE_STORE_FULL',
    statusCode: 503,
  })
  for (const id of ['a', 'b', 'c']) t.equal(await store.read(id), `{"id":"${id}"}`)
  t.match(
    await store.write('a', { kind: 'replace', fields: new Map([['"x"', '1']]) }),
    { existed: true },
    'a known one is replaced',
  )
  await store.write('b', { kind: 'remove' })
  t.match(
    await store.write('d', { kind: 'replace', fields: new Map() }),
    { existed: false },
    'one that left makes room',
  )
  nowMs += 61_000
  t.match(
    await store.write('e', { kind: 'replace', fields: new Map() }),
    { existed: false },
    'and so do those that expired',
  )
})
