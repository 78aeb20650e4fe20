import t from 'tap'
import { checkInstanceId } from '../dist/instance-id.js'
import { StoredInstances } from '../dist/stored-instances.js'
import { MemoryInstanceStore } from '../dist/stores/memory-instance-store.js'
import type { InstanceStore } from '../dist/stores/instance-store.js'

const secret = 'shpat_very_secret'

function noJson(): [what: string, value: unknown][] {
  const cycle: Record<string, unknown> = { token: secret }
  cycle['self'] = { again: [cycle] }
  const deep: unknown[] = []
  let inner = deep
  for (let level = 0; level < 100_000; level += 1) {
    const next: unknown[] = []
    inner.push(next)
    inner = next
  }
  const sparse = [secret, secret]
  sparse.length = 3
  return [
    ['a function', () => secret],
    ['a symbol', Symbol(secret)],
    ['a BigInt', 1n],
    ['NaN', NaN],
    ['Infinity', { a: [Infinity] }],
    ['undefined in a list', [undefined]],
    ['undefined in an object', { a: undefined }],
    ['a hole', sparse],
    ['a Date', new Date()],
    ['a Map', new Map([[secret, secret]])],
    ['a Buffer', Buffer.from(secret)],
    ['an object of a class', new URL('https://example.test')],
    ['a toJSON of its own', { toJSON: () => secret }],
    ['a field named by a symbol', { [Symbol('x')]: secret }],
    ['a cycle', cycle],
    ['a cycle of lists', deep.concat([deep])],
    ['what is nested too deep', deep],
  ]
}

t.test('what JSON cannot hold exactly is refused, and the message holds no value', async (t) => {
  const store: InstanceStore = new MemoryInstanceStore({ ttlSeconds: 60, maxBytes: 65_536, maxInstances: 10 })
  const instances = new StoredInstances<{ value?: unknown }>(() => store)
  await instances.save({ id: 'a', value: 'before' })
  for (const [what, value] of noJson()) {
    for (const attempt of [
      () => instances.save({ id: 'a', value }),
      () => instances.update('a', { value }),
    ]) {
      const error: unknown = await attempt().catch((error: unknown) => error)
      t.match(error, { code: 'STAY_INSTANCE_INVALID', statusCode: 400, message: /"value/ }, what)
      t.notMatch(String(error), secret)
    }
  }
  t.strictSame(await instances.get('a'), { id: 'a', value: 'before' })
})

/** As an app in plain JavaScript calls it. */
async function call(target: object, method: string, ...args: unknown[]): Promise<unknown> {
  const found: unknown = Reflect.get(target, method)
  if (typeof found !== 'function') throw new TypeError(method)
  const result: unknown = Reflect.apply(found, target, args)
  return result
}

t.test('what is no object is refused', async (t) => {
  const store = new MemoryInstanceStore({ ttlSeconds: 60, maxBytes: 65_536, maxInstances: 10 })
  const instances = new StoredInstances(() => store)
  for (const given of [null, undefined, 'text', 1, [], [{ id: 'a' }]]) {
    await t.rejects(call(instances, 'save', given), { code: 'STAY_INSTANCE_INVALID' })
    await t.rejects(call(instances, 'update', 'a', given), { code: 'STAY_INSTANCE_INVALID' })
  }
  await t.rejects(call(instances, 'save', {}), { code: 'STAY_INSTANCE_ID_INVALID' })
  await t.rejects(call(instances, 'get', 1), { code: 'STAY_INSTANCE_ID_INVALID' })
})

t.test('objects without a prototype are plain data', async (t) => {
  const store = new MemoryInstanceStore({ ttlSeconds: 60, maxBytes: 65_536, maxInstances: 10 })
  const instances = new StoredInstances(() => store)
  const bare = { id: 'a', inner: {} }
  Object.setPrototypeOf(bare, null)
  Object.setPrototypeOf(bare.inner, null)
  await instances.save(bare)
  t.strictSame(await instances.get('a'), { id: 'a', inner: {} })
})

t.test("an app's own rule for ids lets in what it says true of, and nothing else", async (t) => {
  const rule = (answer: unknown) => (): boolean => answer as boolean
  t.equal(checkInstanceId('a', rule(true)), 'a')
  for (const answer of [false, undefined, null, 'yes', Promise.resolve(false)]) {
    t.throws(
      () => checkInstanceId('a', rule(answer)),
      { code: 'STAY_INSTANCE_ID_INVALID' },
      `it answers ${JSON.stringify(answer)}`,
    )
  }
})
