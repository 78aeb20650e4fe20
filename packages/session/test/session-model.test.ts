import { openLink } from '@stayfast/link-test-kit'
import { longRuns, startRedisServer } from '@stayfast/test-kit'
import type { Session } from 'fastify'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import t from 'tap'
import { attachmentOf } from '../dist/attachment.js'
import { FastifySessionStore } from '../dist/fastify-session-store.js'
import { addressOf, newSessionId, tagOfUser } from '../dist/session-id.js'
import { MemorySessionStore } from '../dist/stores/memory-session-store.js'
import { RedisSessionStore } from '../dist/stores/redis-session-store.js'
import type { SessionStore } from '../dist/stores/session-store.js'
import { lifetimes } from './session-store-contract.js'

/**
 * Requests that overlap in every way: each opens a session, holds it, changes it and saves it, while
 * others end, revoke or replace it. The model knows of each session whether it has ended and what its
 * fields are, and what has ended never comes back.
 */
type Step =
  | { readonly kind: 'login'; readonly user: number; readonly replaces: number | undefined }
  | { readonly kind: 'open'; readonly session: number }
  | {
      readonly kind: 'change'
      readonly request: number
      readonly field: number
      readonly value: number | undefined
    }
  | { readonly kind: 'save'; readonly request: number }
  | { readonly kind: 'end'; readonly session: number }
  | { readonly kind: 'revokeAll'; readonly user: number; readonly except: number | undefined }

const index = fc.nat({ max: 9 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('login' as const),
      user: fc.nat({ max: 1 }),
      replaces: fc.option(index, { nil: undefined }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('open' as const), session: index }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('change' as const),
      request: index,
      field: fc.nat({ max: 3 }),
      value: fc.option(fc.nat({ max: 5 }), { nil: undefined }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('save' as const), request: index }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('end' as const), session: index }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('revokeAll' as const),
      user: fc.nat({ max: 1 }),
      except: fc.option(index, { nil: undefined }),
    }),
  },
)

interface ModelSession {
  readonly id: string
  readonly user: string
  ended: boolean
  fields: Record<string, number>
}

interface ModelRequest {
  readonly session: ModelSession
  readonly object: Session
  /** What it was loaded with, or has saved. */
  baseline: Record<string, number>
}

const maxPerUser = 3

function fieldsOf(object: object): Record<string, number> {
  return Object.fromEntries(
    Object.entries(object).filter((entry): entry is [string, number] => entry[0].startsWith('field')),
  )
}

function blank(): Session {
  return { cookie: { originalMaxAge: null } }
}

function load(adapter: FastifySessionStore, id: string): Promise<Session | undefined> {
  return new Promise((resolve, reject) => {
    adapter.get(id, (error, session) => {
      if (error === null) resolve(session ?? undefined)
      else reject(error instanceof Error ? error : new Error('not loaded', { cause: error }))
    })
  })
}

let operations = 0

async function run(store: SessionStore, steps: readonly Step[]): Promise<void> {
  operations += steps.length
  const adapter = new FastifySessionStore({ store: () => store, maxBytes: 10_000 })
  const sessions: ModelSession[] = []
  const requests: ModelRequest[] = []
  const expect = (condition: boolean, what: string): void => {
    if (!condition) throw new Error(what)
  }
  const alive = (user: string): ModelSession[] => sessions.filter((each) => !each.ended && each.user === user)

  for (const each of steps) {
    switch (each.kind) {
      case 'login': {
        const user = `user ${each.user}`
        const id = newSessionId(tagOfUser(user))
        const replaced = alive(user)[each.replaces ?? NaN]
        await adapter.begin(
          blank(),
          addressOf(id),
          { userId: user },
          replaced === undefined ? undefined : addressOf(replaced.id),
        )
        if (replaced !== undefined) replaced.ended = true
        const others = alive(user)
        for (const oldest of others.slice(0, Math.max(0, others.length - maxPerUser + 1))) oldest.ended = true
        sessions.push({ id, user, ended: false, fields: {} })
        break
      }
      case 'open': {
        const session = sessions[each.session]
        if (session === undefined) break
        const object = await load(adapter, session.id)
        expect(
          (object === undefined) === session.ended,
          `a session that has ${session.ended ? '' : 'not '}ended`,
        )
        if (object === undefined) break
        expect(
          JSON.stringify(sorted(fieldsOf(object))) === JSON.stringify(sorted(session.fields)),
          'the fields as they are',
        )
        requests.push({ session, object, baseline: fieldsOf(object) })
        break
      }
      case 'change': {
        const request = requests[each.request]
        if (request === undefined) break
        if (each.value === undefined) Reflect.deleteProperty(request.object, `field${each.field}`)
        else Reflect.set(request.object, `field${each.field}`, each.value)
        break
      }
      case 'save': {
        const request = requests[each.request]
        if (request === undefined) break
        const after = fieldsOf(request.object)
        await adapter.save(request.session.id, request.object)
        const { session, baseline } = request
        const names = new Set([...Object.keys(baseline), ...Object.keys(after)])
        const changed = [...names].filter((name) => baseline[name] !== after[name])
        if (session.ended) {
          const state = attachmentOf(request.object)?.state.kind
          expect(changed.length === 0 || state === 'ended', 'a save of what has ended learns that it has')
          break
        }
        for (const name of changed) {
          const value = after[name]
          if (value === undefined) Reflect.deleteProperty(session.fields, name)
          else session.fields[name] = value
        }
        request.baseline = after
        break
      }
      case 'end': {
        const session = sessions[each.session]
        if (session === undefined) break
        await adapter.end(addressOf(session.id))
        session.ended = true
        break
      }
      case 'revokeAll': {
        const user = `user ${each.user}`
        const kept = alive(user)[each.except ?? NaN]
        await store.revokeAll(tagOfUser(user), kept === undefined ? undefined : addressOf(kept.id).digest)
        for (const session of alive(user)) if (session !== kept) session.ended = true
        break
      }
    }
    for (const user of ['user 0', 'user 1']) {
      const listed = (await store.list(tagOfUser(user))).map(({ digest }) => digest)
      const expected = alive(user).map(({ id }) => addressOf(id).digest)
      expect(JSON.stringify(listed) === JSON.stringify(expected), `the list of ${user}`)
    }
  }
  for (const session of sessions) {
    expect(((await load(adapter, session.id)) === undefined) === session.ended, 'in the end')
  }
}

function sorted(fields: Readonly<Record<string, number>>): readonly [string, number][] {
  return Object.entries(fields).sort()
}

const options = { ...lifetimes, maxSessionsPerUser: maxPerUser }

t.test('in memory: whatever overlaps, what has ended never comes back and no field is lost', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      await run(new MemorySessionStore({ ...options, maxSessions: 1000 }), steps)
    }),
    { numRuns: longRuns({ short: 300, long: 20_000 }) },
  )
  t.comment(`operations: ${operations}`)
})

t.test('in Redis: whatever overlaps, what has ended never comes back and no field is lost', async (t) => {
  const server = await startRedisServer({}, t)
  const redis = new Redis(server.url)
  t.teardown(() => {
    redis.disconnect()
  })
  const link = await openLink(t, server.url)
  const before = operations
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      await redis.flushall()
      await run(new RedisSessionStore({ ...options, link, keyPrefix: '', retryAfterSeconds: 2 }), steps)
    }),
    { numRuns: longRuns({ short: 100, long: 10_000 }) },
  )
  t.comment(`operations: ${operations - before}`)
})
