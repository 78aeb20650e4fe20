import type { Test } from 'tap'
import { addressOf, newSessionId, tagOfUser, type SessionAddress } from '../dist/session-id.js'
import type { SessionLifetimes } from '../dist/stores/session-commands.js'
import type {
  ChangeTexts,
  Durability,
  NewSession,
  SessionStore,
  StoredSession,
} from '../dist/stores/session-store.js'

export interface ContractSubject {
  /** Makes an empty store, which ends with the test. */
  readonly create: (t: Test, lifetimes: SessionLifetimes) => Promise<SubjectStore>
  /** The one thing that sets the stores apart: whether what they acknowledge outlives the process. */
  readonly durability: Durability
}

export interface SubjectStore {
  readonly store: SessionStore
  /** Makes these sessions older by so much. */
  readonly later: (ms: number, addresses: readonly SessionAddress[]) => Promise<void>
  /** The store's clock in µs. */
  readonly nowUs: () => Promise<number>
}

export const lifetimes: SessionLifetimes = {
  idleSeconds: 86_400,
  absoluteSeconds: 7 * 86_400,
  renewEverySeconds: 60,
  maxSessionsPerUser: 100,
}

const hourMs = 3_600_000

export function fields(values: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> {
  return new Map(Object.entries(values).map(([name, value]) => [name, JSON.stringify(value)]))
}

export function change(values: Readonly<Record<string, unknown>>): ChangeTexts {
  return new Map(
    Object.entries(values).map(([name, value]) => [
      name,
      value === undefined ? undefined : JSON.stringify(value),
    ]),
  )
}

export function signedIn(values: Readonly<Record<string, unknown>> = {}): NewSession {
  return { about: '{"u":"ada"}', fields: fields(values), listed: true }
}

export function visitor(values: Readonly<Record<string, unknown>> = {}): NewSession {
  return { about: '', fields: fields(values), listed: false }
}

export function newAddress(userId = 'ada'): SessionAddress {
  return addressOf(newSessionId(tagOfUser(userId)))
}

function values(session: StoredSession | undefined): Record<string, unknown> | undefined {
  if (session === undefined) return undefined
  return Object.fromEntries([...session.fields].map(([name, text]) => [name, JSON.parse(text) as unknown]))
}

/** What every store promises. A store's own test is this suite with its factory, and what only it can do. */
export function sessionStoreContract(t: Test, { create, durability }: ContractSubject): void {
  const start = async (
    t: Test,
    options: Partial<SessionLifetimes> = {},
  ): Promise<
    SubjectStore & { load: (address: SessionAddress) => Promise<Record<string, unknown> | undefined> }
  > => {
    const subject = await create(t, { ...lifetimes, ...options })
    return { ...subject, load: async (address) => values((await subject.store.load(address))?.session) }
  }

  t.test('a session that was never created is not there, and no save makes it', async (t) => {
    const { store, load } = await start(t)
    const address = newAddress()
    t.equal(await load(address), undefined)
    t.equal(await store.save(address, change({ a: 1 })), 'gone')
    t.equal(await load(address), undefined)
    t.match(await store.destroy(address), { existed: false })
    t.strictSame(await store.list(address.tag), [])
    t.match(await store.revokeAll(address.tag), { revoked: 0 })
  })

  t.test('a created session is loaded with whose it is, its times and its fields', async (t) => {
    const { store, nowUs } = await start(t)
    const address = newAddress()
    const beforeMs = Math.floor((await nowUs()) / 1000)
    t.match(await store.create(address, signedIn({ cart: ['a', 'b'], note: '' })), {
      kind: 'created',
      evicted: [],
      durability,
    })
    const loaded = await store.load(address)
    t.equal(loaded?.verified, true)
    const session = loaded?.session
    t.equal(session?.about, '{"u":"ada"}')
    t.strictSame(values(session), { cart: ['a', 'b'], note: '' })
    t.ok((session?.createdMs ?? 0) >= beforeMs)
    t.equal(session?.seenMs, session?.createdMs)
    t.ok((session?.nowMs ?? 0) >= (session?.createdMs ?? Infinity))
  })

  t.test('creating again what is there changes nothing', async (t) => {
    const { store, load } = await start(t)
    const address = newAddress()
    await store.create(address, signedIn({ kept: 1 }))
    t.strictSame(await store.create(address, visitor({ wiped: 1 })), { kind: 'exists' })
    t.strictSame(await load(address), { kept: 1 })
    t.equal((await store.list(address.tag)).length, 1)
  })

  t.test('two writers of different fields lose nothing', async (t) => {
    const { store, load } = await start(t)
    const address = newAddress()
    await store.create(address, visitor({ old: 1 }))
    const [one, other] = await Promise.all([
      store.save(address, change({ one: 1 })),
      store.save(address, change({ other: 2, old: undefined })),
    ])
    t.strictSame([one, other], ['saved', 'saved'])
    t.strictSame(await load(address), { one: 1, other: 2 })
  })

  t.test('a field that was removed can be set again', async (t) => {
    const { store, load } = await start(t)
    const address = newAddress()
    await store.create(address, visitor({ a: 1 }))
    await store.save(address, change({ a: undefined, never: undefined }))
    t.strictSame(await load(address), {})
    await store.save(address, change({ a: null }))
    t.strictSame(await load(address), { a: null })
  })

  t.test('a session that was destroyed stays gone, whoever saves it', async (t) => {
    const { store, load } = await start(t)
    const address = newAddress()
    await store.create(address, signedIn({ a: 1 }))
    t.strictSame(await store.destroy(address), { existed: true, durability })
    t.equal(await load(address), undefined)
    t.equal(await store.save(address, change({ a: 2 })), 'gone')
    t.equal(await load(address), undefined)
    t.strictSame(await store.list(address.tag), [])
    t.match(await store.destroy(address), { existed: false })
  })

  t.test('a session ends when it is not used for the idle time, and use keeps it', async (t) => {
    const { store, load, later } = await start(t)
    const [used, unused] = [newAddress(), newAddress()]
    await store.create(used, signedIn())
    await store.create(unused, signedIn())
    await later(23 * hourMs, [used, unused])
    t.ok(await load(used))
    await later(2 * hourMs, [used, unused])
    t.ok(await load(used))
    t.equal(await load(unused), undefined)
    t.strictSame(
      (await store.list(used.tag)).map(({ digest }) => digest),
      [used.digest],
    )
  })

  t.test('a session ends after its absolute time, however much it is used', async (t) => {
    const { store, load, later } = await start(t)
    const address = newAddress()
    await store.create(address, signedIn())
    for (let day = 0; day < 13; day += 1) {
      await later(12 * hourMs, [address])
      t.ok(await load(address), `half day ${day}`)
    }
    await later(12 * hourMs, [address])
    t.equal(await load(address), undefined)
    t.equal(await store.save(address, change({ a: 1 })), 'gone')
  })

  t.test('use is noted at most once per interval, and being listed is no use', async (t) => {
    const { store, later } = await start(t)
    const address = newAddress()
    await store.create(address, signedIn())
    const seen = async (): Promise<number> => (await store.load(address))?.session.seenMs ?? NaN
    const firstMs = await seen()
    await store.list(address.tag)
    t.equal(await seen(), firstMs, 'within the interval')
    await later(61_000, [address])
    await store.list(address.tag)
    await store.load(address)
    const listed = await store.list(address.tag)
    const nowMs = (await store.load(address))?.session.nowMs ?? NaN
    t.ok(nowMs - (listed[0]?.seenMs ?? 0) < 30_000, 'after it')
  })

  t.test('the sessions of a user are listed, the oldest first, and nobody else’s', async (t) => {
    const { store } = await start(t)
    const addresses = [newAddress(), newAddress(), newAddress()]
    for (const address of addresses) await store.create(address, signedIn({ secret: 1 }))
    await store.create(newAddress('bob'), signedIn())
    await store.create(addressOf(newSessionId()), visitor())
    const listed = await store.list(tagOfUser('ada'))
    t.strictSame(
      listed.map(({ digest, about }) => ({ digest, about })),
      addresses.map(({ digest }) => ({ digest, about: '{"u":"ada"}' })),
    )
    t.ok(listed.every(({ createdMs, seenMs }) => createdMs > 0 && seenMs >= createdMs))
  })

  t.test('revoking all ends every session of the user but the one excepted', async (t) => {
    const { store, load } = await start(t)
    const [one, kept, other] = [newAddress(), newAddress(), newAddress()]
    const bob = newAddress('bob')
    for (const address of [one, kept, other, bob]) await store.create(address, signedIn())
    t.strictSame(await store.revokeAll(one.tag, kept.digest), { revoked: 2, durability })
    t.equal(await load(one), undefined)
    t.equal(await load(other), undefined)
    t.ok(await load(kept))
    t.ok(await load(bob))
    t.equal(await store.save(one, change({ a: 1 })), 'gone')
    t.equal(await store.save(kept, change({ a: 1 })), 'saved')
    t.strictSame(await store.revokeAll(one.tag), { revoked: 1, durability })
    t.equal(await load(kept), undefined)
    const again = newAddress()
    t.match(await store.create(again, signedIn()), { kind: 'created' }, 'and signing in again works')
    t.ok(await load(again))
  })

  t.test('a sign-in that was on its way when all was revoked does not get in behind it', async (t) => {
    const { store, load, nowUs } = await start(t)
    const sinceUs = await nowUs()
    const address = newAddress()
    await store.revokeAll(address.tag)
    t.strictSame(await store.create(address, { ...signedIn(), sinceUs }), { kind: 'revoked' })
    t.equal(await load(address), undefined)
    t.strictSame(await store.list(address.tag), [])
  })

  t.test('of too many sessions the oldest goes', async (t) => {
    const { store, load } = await start(t, { maxSessionsPerUser: 3 })
    const addresses = Array.from({ length: 5 }, () => newAddress())
    const evicted: string[] = []
    for (const address of addresses) {
      const created = await store.create(address, signedIn())
      if (created.kind === 'created') evicted.push(...created.evicted)
    }
    t.strictSame(
      evicted,
      addresses.slice(0, 2).map(({ digest }) => digest),
    )
    t.strictSame(
      (await store.list(tagOfUser('ada'))).map(({ digest }) => digest),
      addresses.slice(2).map(({ digest }) => digest),
    )
    for (const [index, address] of addresses.entries())
      t.equal((await load(address)) !== undefined, index > 1)
    await store.destroy(addresses[3] ?? newAddress())
    t.match(await store.create(newAddress(), signedIn()), { evicted: [] }, 'one that left makes room')
  })

  t.test('a session that takes the place of another ends it in the same moment', async (t) => {
    const { store, load } = await start(t, { maxSessionsPerUser: 1 })
    const [before, after] = [newAddress(), newAddress()]
    await store.create(before, signedIn())
    t.match(await store.create(after, { ...signedIn(), replaces: before.digest }), { evicted: [] })
    t.equal(await load(before), undefined)
    t.equal(await store.save(before, change({ a: 1 })), 'gone')
    t.ok(await load(after))
  })

  t.test('ids of another generator have a place of their own, and work alike', async (t) => {
    const { store, load } = await start(t)
    const ids = ['x', 'a~b', '', '~', 'x'.repeat(10_000), 'é', '\u0000', '{a}:b', '__proto__']
    for (const id of ids) await store.create(addressOf(id), visitor({ id }))
    for (const id of ids) t.strictSame(await load(addressOf(id)), { id })
    for (const id of ids) await store.destroy(addressOf(id))
    for (const id of ids) t.equal(await load(addressOf(id)), undefined)
  })

  t.test('a session that was being read elsewhere when it ended is not brought back', async (t) => {
    const { store, load, nowUs } = await start(t)
    const address = addressOf('made by another generator')
    const sinceUs = await nowUs()
    await store.destroy(address)
    t.strictSame(await store.create(address, { ...visitor(), sinceUs }), { kind: 'revoked' })
    t.equal(await load(address), undefined)
  })

  t.test('field names and values come back exactly', async (t) => {
    const { store, load } = await start(t)
    const names = [
      '',
      ' ',
      'a b',
      '"',
      '\\',
      'é',
      '世界',
      '\u0000',
      '\n',
      '\ud800',
      'c',
      's',
      'g',
      'm',
      'f:x',
    ]
    const given = Object.fromEntries(
      [...names, 'constructor', 'toString'].map((name, index) => [
        name,
        { index, text: `\n${name}`, list: [] },
      ]),
    )
    const address = newAddress()
    // As text, because tap looks at constructors.
    const stored = async (): Promise<string> =>
      JSON.stringify(Object.entries((await load(address)) ?? {}).sort())
    const expected = JSON.stringify(Object.entries(given).sort())
    await store.create(address, visitor(given))
    t.equal(await stored(), expected)
    await store.save(address, change(given))
    t.equal(await stored(), expected)
    await store.save(address, change(Object.fromEntries(names.map((name) => [name, undefined]))))
    t.strictSame(Object.keys((await load(address)) ?? {}).sort(), ['constructor', 'toString'])
  })

  t.test('what was loaded can be changed without changing what is stored', async (t) => {
    const { store, load } = await start(t)
    const address = newAddress()
    await store.create(address, visitor({ a: 1 }))
    const loaded = (await store.load(address))?.session.fields
    if (loaded instanceof Map) loaded.clear()
    t.strictSame(await load(address), { a: 1 })
  })
}
