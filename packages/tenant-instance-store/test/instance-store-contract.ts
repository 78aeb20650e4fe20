import type { Test } from 'tap'
import { StoredInstances } from '../dist/stored-instances.js'
import type { Durability, InstanceStore } from '../dist/stores/instance-store.js'
import type { JsonValue } from '../dist/json-value.js'
import { parseInstance } from '../dist/tenant-instance.js'

export interface ContractSubject {
  /** Makes an empty store, which ends with the test. */
  readonly create: (t: Test, options: { readonly maxBytes: number }) => Promise<InstanceStore>
  /** The one thing that sets the stores apart: whether what they acknowledge outlives the process. */
  readonly durability: Durability
}

const maxBytes = 65_536

/** Ids of all the kinds that keys, patterns, slots and logs have ever stumbled over. */
export const strangeIds: readonly string[] = [
  'a',
  'a:b',
  ':',
  '{a}',
  '{}',
  '*',
  'a*',
  '[a]',
  'a\\b',
  '%',
  '%003a',
  '~',
  ' ',
  'a b',
  '__proto__',
  'constructor',
  'Ω-мир-世界-🌍',
  'é',
  'e\u0301',
  '🌍'.repeat(200),
  'x'.repeat(200),
]

/** Documents that come back changed from a store that decodes them on the way. */
export const delicateValues: readonly JsonValue[] = [
  [],
  {},
  [[]],
  [{}],
  { a: [], b: {}, c: [[], {}] },
  null,
  [null],
  true,
  false,
  0,
  -1,
  0.1,
  1e21,
  1e-7,
  5e-324,
  1.7976931348623157e308,
  2 ** 53,
  2 ** 53 - 1,
  -(2 ** 53),
  123456789012345680000,
  '',
  ' ',
  '"',
  '\\',
  '\u0000',
  '\u2028',
  '\ud800',
  'Ω мир 世界 🌍',
  '1e1000',
  'x'.repeat(10_000),
  { '': '' },
  { 'a b': 1, 'a"b': 2, 'a:b': 3, é: 4, '\u0000': 5, '\ud800': 6 },
  { constructor: 'plain data', prototype: {}, toString: 'too', hasOwnProperty: 1 },
  { z: 1, a: 2, 10: 3, 2: 4 },
]

function nested(depth: number): JsonValue {
  let value: JsonValue = 'core'
  for (let level = 0; level < depth; level += 1) value = [value]
  return value
}

async function listAll(instances: StoredInstances, limit: number): Promise<string[]> {
  const ids: string[] = []
  let cursor: string | undefined
  do {
    const page = await instances.list({ cursor, limit })
    ids.push(...page.items.map(({ id }) => id))
    cursor = page.cursor
  } while (cursor !== undefined)
  return ids
}

/** What every store promises. A store's own test is this suite with its factory, and what only it can do. */
export function instanceStoreContract(t: Test, { create, durability }: ContractSubject): void {
  const start = async (t: Test, limit = maxBytes): Promise<StoredInstances> => {
    const store = await create(t, { maxBytes: limit })
    return new StoredInstances(() => store)
  }

  t.test('an instance that was never saved is not there', async (t) => {
    const instances = await start(t)
    t.equal(await instances.get('nobody'), undefined)
    t.equal(await instances.delete('nobody'), false)
    await t.rejects(instances.update('nobody', { a: 1 }), {
      code: 'STAY_INSTANCE_NOT_FOUND',
      statusCode: 404,
      message: 'Instance not found',
    })
    t.equal(await instances.get('nobody'), undefined, 'and an update does not make it')
  })

  t.test('a saved instance is read back, and the save says whether it was new', async (t) => {
    const instances = await start(t)
    t.strictSame(await instances.save({ id: 'a', vendorId: 'vendor-1' }), { durability, created: true })
    t.strictSame(await instances.get('a'), { id: 'a', vendorId: 'vendor-1' })
    t.strictSame(await instances.save({ id: 'a', vendorId: 'vendor-2' }), { durability, created: false })
    t.strictSame(await instances.get('a'), { id: 'a', vendorId: 'vendor-2' })
  })

  t.test('a save replaces the whole instance', async (t) => {
    const instances = await start(t)
    await instances.save({ id: 'a', kept: 1, gone: 2 })
    await instances.save({ id: 'a', kept: 3 })
    t.strictSame(await instances.get('a'), { id: 'a', kept: 3 })
  })

  t.test('a field that is undefined in a save counts as not given', async (t) => {
    const instances = await start(t)
    await instances.save({ id: 'a', here: 1, absent: undefined })
    t.strictSame(await instances.get('a'), { id: 'a', here: 1 })
  })

  t.test('an update changes the fields it names and answers the whole instance', async (t) => {
    const instances = await start(t)
    await instances.save({ id: 'a', one: 1, two: 2 })
    t.strictSame(await instances.update('a', { two: 'two', three: 3 }), {
      durability,
      instance: { id: 'a', one: 1, two: 'two', three: 3 },
    })
    t.strictSame(await instances.get('a'), { id: 'a', one: 1, two: 'two', three: 3 })
  })

  t.test('in an update undefined removes a field, and null is a value', async (t) => {
    const instances = await start(t)
    await instances.save({ id: 'a', one: 1, two: 2, three: 3 })
    await instances.update('a', { one: undefined, two: null, never: undefined })
    t.strictSame(await instances.get('a'), { id: 'a', two: null, three: 3 })
    await instances.update('a', { one: 'again' })
    t.strictSame(await instances.get('a'), { id: 'a', one: 'again', two: null, three: 3 })
  })

  t.test('an update without changes answers the instance as it is', async (t) => {
    const instances = await start(t)
    await instances.save({ id: 'a', one: 1 })
    t.strictSame((await instances.update('a', {})).instance, { id: 'a', one: 1 })
  })

  t.test('an update never changes the id', async (t) => {
    const instances = await start(t)
    await instances.save({ id: 'a', one: 1 })
    const same: Record<string, JsonValue> = { id: 'a', one: 2 }
    await instances.update('a', same)
    for (const id of ['b', undefined, null, 1]) {
      await t.rejects(instances.update('a', Object.assign({}, { id })), { code: 'STAY_INSTANCE_INVALID' })
    }
    t.strictSame(await instances.get('a'), { id: 'a', one: 2 })
    t.equal(await instances.get('b'), undefined)
  })

  t.test('a deleted instance is gone, and can be saved anew without its old fields', async (t) => {
    const instances = await start(t)
    await instances.save({ id: 'a', old: 1 })
    t.equal(await instances.delete('a'), true)
    t.equal(await instances.get('a'), undefined)
    t.equal(await instances.delete('a'), false)
    await t.rejects(instances.update('a', { b: 1 }), { code: 'STAY_INSTANCE_NOT_FOUND' })
    t.match(await instances.save({ id: 'a', fresh: 1 }), { created: true })
    t.strictSame(await instances.get('a'), { id: 'a', fresh: 1 })
  })

  t.test('values come back exactly as they were saved, updated or left alone', async (t) => {
    const instances = await start(t)
    for (const [label, value] of [...delicateValues, nested(60)].entries()) {
      await instances.save({ id: 'a', value })
      t.strictSame(await instances.get('a'), { id: 'a', value }, `value ${label}, saved`)
      await instances.update('a', { beside: 1 })
      t.strictSame(await instances.get('a'), { id: 'a', value, beside: 1 }, `value ${label}, left alone`)
      await instances.update('a', { value, beside: undefined })
      t.strictSame(await instances.get('a'), { id: 'a', value }, `value ${label}, updated`)
    }
  })

  t.test('field names are plain data, whatever they are', async (t) => {
    const instances = await start(t)
    const names = [
      '',
      ' ',
      'a b',
      'a:b',
      '"',
      '\\',
      'é',
      '世界',
      '\u0000',
      '\ud800',
      'constructor',
      'prototype',
      'toString',
      'json',
      'seen',
      'stamp',
      'f:x',
    ]
    const fields = Object.fromEntries(names.map((name, index) => [name, index]))
    await instances.save({ ...fields, id: 'a' })
    t.strictSame(await instances.get('a'), { ...fields, id: 'a' })
    for (const name of names) await instances.update('a', { [name]: name })
    t.strictSame(await instances.get('a'), {
      ...Object.fromEntries(names.map((name) => [name, name])),
      id: 'a',
    })
    for (const name of names) await instances.update('a', { [name]: undefined })
    t.strictSame(await instances.get('a'), { id: 'a' })
  })

  t.test('__proto__ is refused wherever it stands, and nothing is polluted', async (t) => {
    const instances = await start(t)
    await instances.save({ id: 'a' })
    const hostile = [
      '{"id":"a","__proto__":{"polluted":true}}',
      '{"id":"a","deep":[{"__proto__":{"polluted":true}}]}',
    ].flatMap((text) => parseInstance(text) ?? [])
    t.equal(hostile.length, 2)
    for (const fields of hostile) {
      await t.rejects(instances.save(fields), { code: 'STAY_INSTANCE_INVALID', statusCode: 400 })
      await t.rejects(instances.update('a', fields), { code: 'STAY_INSTANCE_INVALID' })
    }
    t.equal(Reflect.get({}, 'polluted'), undefined)
    t.strictSame(await instances.get('a'), { id: 'a' })
  })

  t.test('what was read or saved can be changed by its owner without changing what is stored', async (t) => {
    const instances = await start(t)
    const mine = { id: 'a', list: [1] }
    await instances.save(mine)
    mine.list.push(2)
    const read = await instances.get('a')
    t.strictSame(read, { id: 'a', list: [1] })
    Object.assign(read ?? {}, { list: 'spoiled' })
    t.strictSame(await instances.get('a'), { id: 'a', list: [1] })
  })

  t.test('ids that mean something to keys, patterns or slots never meet', async (t) => {
    const instances = await start(t)
    for (const id of strangeIds) await instances.save({ id, own: id })
    for (const id of strangeIds) t.strictSame(await instances.get(id), { id, own: id })
    t.strictSame((await listAll(instances, 100)).sort(), [...strangeIds].sort())
    t.equal(await instances.delete('*'), true)
    for (const id of strangeIds) t.equal((await instances.get(id)) === undefined, id === '*')
  })

  t.test('an instance larger than maxBytes is refused, and what is stored stays', async (t) => {
    const instances = await start(t, 100)
    const empty = '{"id":"a","v":""}'.length
    await instances.save({ id: 'a', v: 'x'.repeat(100 - empty) })
    const tooLarge = { code: 'STAY_INSTANCE_TOO_LARGE', statusCode: 413 }
    await t.rejects(instances.save({ id: 'a', v: 'x'.repeat(101 - empty) }), tooLarge)
    await t.rejects(instances.save({ id: 'a', v: 'é'.repeat(60) }), tooLarge, 'bytes count, not characters')
    await t.rejects(instances.update('a', { v: 'x'.repeat(101 - empty) }), tooLarge)
    await t.rejects(instances.update('a', { w: 1 }), tooLarge, 'an update counts the whole')
    t.strictSame(await instances.get('a'), { id: 'a', v: 'x'.repeat(100 - empty) })
    await instances.update('a', { v: '', w: 1 })
    t.strictSame(await instances.get('a'), { id: 'a', v: '', w: 1 })
  })

  t.test('a document of thousands of fields is stored like any other', async (t) => {
    const instances = await start(t)
    const fields = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`f${index}`, index % 10]))
    await instances.save({ ...fields, id: 'a' })
    t.strictSame(await instances.get('a'), { ...fields, id: 'a' })
    await instances.update('a', { f4999: 'last' })
    t.equal((await instances.get('a'))?.['f4999'], 'last')
  })

  t.test('200 updates of different fields at the same moment lose nothing', async (t) => {
    const instances = await start(t)
    await instances.save({ id: 'a' })
    const fields = Array.from({ length: 200 }, (_, index) => `field${index}`)
    await Promise.all(fields.map((name) => instances.update('a', { [name]: name })))
    t.strictSame(await instances.get('a'), {
      id: 'a',
      ...Object.fromEntries(fields.map((name) => [name, name])),
    })
  })

  t.test('an update that meets a delete never brings the instance back', async (t) => {
    const instances = await start(t)
    for (let round = 0; round < 50; round += 1) {
      await instances.save({ id: 'a', round })
      const [before, deleted, after] = await Promise.allSettled([
        instances.update('a', { early: true }),
        instances.delete('a'),
        instances.update('a', { late: true }),
      ])
      t.match(deleted, { status: 'fulfilled', value: true })
      t.equal(await instances.get('a'), undefined, `${before.status}, deleted, ${after.status}`)
    }
  })

  t.test('a listing of none is one empty page', async (t) => {
    const instances = await start(t)
    t.strictSame(await instances.list(), { items: [], cursor: undefined })
  })

  t.test('a listing returns whole instances in pages of about the limit', async (t) => {
    const instances = await start(t)
    for (let index = 0; index < 200; index += 1) await instances.save({ id: `i${index}`, index })
    const page = await instances.list({ limit: 20 })
    t.ok(page.items.length >= 20 && page.items.length <= 40, `${page.items.length} items`)
    t.type(page.cursor, 'string')
    for (const item of page.items) t.strictSame(item, { id: item.id, index: Number(item.id.slice(1)) })
    t.equal((await instances.list()).items.length >= 50, true, 'by default 50')
  })

  t.test('a listing over 1,000 instances returns each, while others come and go', async (t) => {
    const instances = await start(t)
    const staying = Array.from({ length: 1000 }, (_, index) => `staying-${index}`)
    await Promise.all(staying.map((id) => instances.save({ id })))
    const ids: string[] = []
    let cursor: string | undefined
    let round = 0
    do {
      const page = await instances.list({ cursor, limit: 50 })
      ids.push(...page.items.map(({ id }) => id))
      cursor = page.cursor
      await Promise.all([
        ...Array.from({ length: 10 }, (_, index) => instances.save({ id: `passing-${round}-${index}` })),
        ...Array.from({ length: 10 }, (_, index) => instances.delete(`passing-${round - 1}-${index}`)),
      ])
      round += 1
    } while (cursor !== undefined)
    const listed = ids.filter((id) => id.startsWith('staying'))
    t.equal(new Set(listed).size, 1000, 'all of them')
    t.equal(listed.length, 1000, 'each once')
    t.ok(round >= 10 && round <= 30, `in ${round} pages`)
  })

  t.test('a broken cursor and a limit that is none are told from an empty listing', async (t) => {
    const instances = await start(t)
    const broken = { code: 'STAY_INSTANCE_PAGE_INVALID', statusCode: 400 }
    const encode = (position: unknown): string => Buffer.from(JSON.stringify(position)).toString('base64url')
    const cursors = [
      '',
      '0',
      '%%%',
      'null',
      'a'.repeat(5000),
      encode(null),
      encode({}),
      encode([]),
      encode(['memory']),
      encode(['memory', 1]),
      encode(['redis', '', 0, '*']),
      encode(['redis', '', -1, '0']),
      encode(['redis', '', 0, '0', '0']),
      encode(['redis', '', 0, 'x'.repeat(30)]),
      encode(['other', 'x']),
    ]
    for (const cursor of cursors) await t.rejects(instances.list({ cursor }), broken, cursor.slice(0, 40))
    for (const limit of [0, -1, 1.5, NaN, Infinity, 1001]) await t.rejects(instances.list({ limit }), broken)
  })

  t.test('ids that cannot be one are refused by each method', async (t) => {
    const instances = await start(t)
    const refused = { code: 'STAY_INSTANCE_ID_INVALID', statusCode: 400 }
    const ids = [
      '',
      '\u0000',
      'a\nb',
      '\u007f',
      '\u009f',
      '\ud800',
      'a\udc00',
      'x'.repeat(201),
      'x'.repeat(10_240),
    ]
    for (const id of ids) {
      await t.rejects(instances.get(id), refused)
      await t.rejects(instances.save({ id }), refused)
      await t.rejects(instances.update(id, {}), refused)
      await t.rejects(instances.delete(id), refused)
    }
    t.strictSame((await instances.list()).items, [])
  })
}
