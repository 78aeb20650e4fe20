import { openLink } from '@stayfast/link-test-kit'
import { longRuns, startRedisServer } from '@stayfast/test-kit'
import type { RedisLink } from '@stayfast/redis-kit'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import assert from 'node:assert/strict'
import t from 'tap'
import { StoredInstances } from '../dist/stored-instances.js'
import type { InstanceStore } from '../dist/stores/instance-store.js'
import { MemoryInstanceStore } from '../dist/stores/memory-instance-store.js'
import { OutageInstanceStore } from '../dist/stores/outage-instance-store.js'
import { directly } from './open-outage-store.js'

const maxBytes = 65_536
const server = await startRedisServer({}, t)
const redis = new Redis(server.url)
t.teardown(() => {
  redis.disconnect()
})

const links: readonly [RedisLink, RedisLink, RedisLink] = [
  await openLink(t, server.url),
  await openLink(t, server.url),
  await openLink(t, server.url),
]

/** One for each process, as apps have it. */
const stores = links.map(redisStore)

function redisStore(link: RedisLink): InstanceStore {
  return new OutageInstanceStore({ ...directly, link, maxBytes, ttlSeconds: 3600 })
}

function storeOf(index: number): InstanceStore {
  const store = stores[index]
  if (store === undefined) throw new RangeError(`There is no process ${index}.`)
  return store
}

function memoryStore(): InstanceStore {
  return new MemoryInstanceStore({ ttlSeconds: 3600, maxBytes, maxInstances: 1000 })
}

type Fields = Readonly<Record<string, string | undefined>>

type Operation =
  | { readonly kind: 'save'; readonly id: string; readonly fields: Fields }
  | { readonly kind: 'update'; readonly id: string; readonly fields: Fields }
  | { readonly kind: 'delete' | 'get'; readonly id: string }

const idOf = fc.constantFrom('a', 'b')
const fieldsOf = fc.dictionary(
  fc.constantFrom('x', 'y', 'z'),
  fc.option(fc.string({ maxLength: 3 }), { nil: undefined }),
  { noNullPrototype: true },
)
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ kind: fc.constant('save' as const), id: idOf, fields: fieldsOf }),
  fc.record({ kind: fc.constant('update' as const), id: idOf, fields: fieldsOf }),
  fc.record({ kind: fc.constantFrom('delete' as const, 'get' as const), id: idOf }),
)

async function perform(instances: StoredInstances, operation: Operation): Promise<unknown> {
  try {
    switch (operation.kind) {
      case 'save':
        return (await instances.save({ ...operation.fields, id: operation.id })).created
      case 'update':
        return (await instances.update(operation.id, operation.fields)).instance
      case 'delete':
        return await instances.delete(operation.id)
      case 'get':
        return await instances.get(operation.id)
    }
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error
  }
}

/** What the store must answer, as plain code on a Map. */
function performOnModel(model: Map<string, Fields>, operation: Operation): unknown {
  const { id } = operation
  const known = model.get(id)
  const document = (fields: Fields): unknown => JSON.parse(JSON.stringify({ id, ...fields }))
  switch (operation.kind) {
    case 'save':
      model.set(id, operation.fields)
      return known === undefined
    case 'update': {
      if (known === undefined) return 'STAY_INSTANCE_NOT_FOUND'
      const fields = { ...known, ...operation.fields }
      model.set(id, fields)
      return document(fields)
    }
    case 'delete':
      return model.delete(id)
    case 'get':
      return known === undefined ? undefined : document(known)
  }
}

for (const [name, create] of [
  ['memory', memoryStore],
  ['redis', () => storeOf(0)],
] as const) {
  t.test(`${name}: operations that overlap answer as if one came after the other`, async (t) => {
    let count = 0
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 30 }), async (operations) => {
        count += operations.length
        await redis.flushall()
        const store = create()
        const instances = new StoredInstances(() => store)
        // One connection keeps the order, as long as the server knows the scripts.
        for (const kind of ['save', 'update', 'delete'] as const) {
          await perform(instances, { kind, id: 'a', fields: {} })
        }
        const model = new Map<string, Fields>()
        const expected = operations.map((each) => performOnModel(model, each))
        const answers: Promise<unknown>[] = []
        for (const each of operations) {
          // A read takes in what was written before it and not what comes after; writes do not wait.
          if (each.kind === 'get') await Promise.all(answers)
          answers.push(perform(instances, each))
          if (each.kind === 'get') await answers.at(-1)
        }
        assert.deepStrictEqual(await Promise.all(answers), expected)
      }),
      { numRuns: longRuns({ short: 100, long: 10_000 }) },
    )
    t.comment(`operations: ${count}`)
  })
}

t.test('writers of different fields in several processes lose nothing, whatever they do', async (t) => {
  let updates = 0
  const script = fc.array(fc.option(fc.string({ maxLength: 3 }), { nil: undefined }), {
    minLength: 1,
    maxLength: 12,
  })
  await fc.assert(
    fc.asyncProperty(fc.array(script, { minLength: 2, maxLength: 6 }), async (scripts) => {
      await redis.flushall()
      const writers = scripts.map((values, index) => {
        const store = storeOf(index % stores.length)
        return { field: `field${index}`, values, instances: new StoredInstances(() => store) }
      })
      await writers[0]?.instances.save({ id: 'a' })
      await Promise.all(
        writers.map(async ({ field, values, instances }) => {
          for (const value of values) {
            const { instance } = await instances.update('a', { [field]: value })
            updates += 1
            assert.equal(instance[field], value, 'a writer sees its own write at once')
          }
        }),
      )
      const last = writers.map(({ field, values }) => [field, values.at(-1)])
      t.strictSame(
        await writers[0]?.instances.get('a'),
        JSON.parse(JSON.stringify({ id: 'a', ...Object.fromEntries(last) })),
      )
    }),
    { numRuns: longRuns({ short: 100, long: 3000 }) },
  )
  t.comment(`operations: ${updates}`)
})

t.test('updates and deletes of several processes never bring an instance back', async (t) => {
  const [one, other] = [0, 1].map((index) => new StoredInstances(() => storeOf(index)))
  if (one === undefined || other === undefined) throw new Error('Two were made.')
  for (let round = 0; round < 100; round += 1) {
    await one.save({ id: 'a', round })
    const outcomes = await Promise.allSettled([
      one.update('a', { one: round }),
      other.delete('a'),
      one.update('a', { two: round }),
      other.update('a', { three: round }),
    ])
    t.match(outcomes[1], { status: 'fulfilled', value: true })
    t.equal(await redis.hexists('instance:a', 'json'), 0)
  }
})
