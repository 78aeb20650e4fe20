import { startLink } from '@stayfast/link-test-kit'
import {
  eventually,
  startFaultProxy,
  startRedisServer,
  type FaultProxy,
  type RedisServer,
} from '@stayfast/test-kit'
import { performance } from 'node:perf_hooks'
import t, { type Test } from 'tap'
import { openCache, type CacheProcess } from './open-cache.js'
import type { ClientLink } from '@stayfast/redis-kit'

/**
 * A model of what may be answered. There is a database: a number for each key, which only grows. A
 * loader reads it, perhaps slowly. Whoever writes it invalidates its tag afterwards. Then:
 *
 * - no read that begins after an invalidation was delivered returns an older number, in any process;
 * - in the process that invalidated, none that begins after the invalidation was called;
 * - a strong read returns nothing older than what was invalidated in Redis before it began, unless that
 *   could not be told to Redis.
 */
const long = process.env['STAYFAST_LONG'] === '1'
const operations = long ? 5_000_000 : 100_000
const withinMs = long ? 6 * 3_600_000 : 45_000
const seed = Number(process.env['STAYFAST_SEED'] ?? Date.now() % 2 ** 31)

/** Mulberry32: small, and the same everywhere. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const keys = Array.from({ length: 24 }, (_, index) => `k${index}`)
const leaseMs = 1500

/** How long a process that is cut off may go on with what it has; and a bit, for the clocks of this test. */
const outageStaleSeconds = 1
const cutOffMs = outageStaleSeconds * 1000 + 50

/** One key of the database, with what is known of its invalidations. */
class Cell {
  value = 0
  /** Told to all processes: nobody may read less, or only for so long where he is cut off. */
  readonly #delivered: { readonly atMs: number; readonly value: number }[] = [{ atMs: -Infinity, value: 0 }]
  /** Invalidated by each process: it may not read less itself. */
  readonly own: number[]
  /** Writes that are under way: a value that is set must be newer than what others invalidate meanwhile. */
  writing = 0
  setting = false
  /** What was done to it lately, for whoever has to find out. */
  readonly history: string[] = []
  /** Done in Redis: a strong read may not return less. */
  stored = 0

  constructor(processes: number) {
    this.own = Array.from({ length: processes }, () => 0)
  }

  delivered(value: number): void {
    if (value > (this.#delivered.at(-1)?.value ?? 0)) this.#delivered.push({ atMs: performance.now(), value })
  }

  /** The newest that was delivered by then. */
  deliveredBy(ms: number): number {
    return this.#delivered.findLast(({ atMs }) => atMs <= ms)?.value ?? 0
  }
}

interface Member extends CacheProcess {
  readonly link: ClientLink
  readonly proxy: FaultProxy
  /** Grows whenever Redis could not be asked. */
  failures: number
}

async function openMember(t: Test, server: RedisServer): Promise<Member> {
  const proxy = await startFaultProxy({ host: server.host, port: server.port }, t)
  const link = startLink(t, proxy.url(server.url), { deadlineMs: 400, heartbeatMs: 300 })
  const process = openCache(t, link, {
    leaseMs,
    outageStaleSeconds,
    lockTtlMs: 500,
    lockWaitMs: 1000,
    loaderTimeoutMs: 3000,
    maxLocalEntries: 16,
  })
  const member: Member = { ...process, link, proxy, failures: 0 }
  link.onChange(() => {
    member.failures += 1
  })
  process.engine.events.observer = ({ kind }) => {
    if (kind === 'redis-failed') member.failures += 1
  }
  return member
}

t.test(
  `property: 4 processes, ${operations} operations, 0 answers that the promise forbids (STAYFAST_SEED=${seed})`,
  { timeout: withinMs + 60_000 },
  async (t) => {
    t.comment(`seed ${seed}`)
    const random = generator(seed)
    const below = (most: number): number => Math.floor(random() * most)
    const server = await startRedisServer({ appendOnly: true }, t)
    const members = await Promise.all([0, 1, 2, 3].map(() => openMember(t, server)))
    await eventually(() => members.every(({ engine }) => engine.shared?.trusted === true), {
      withinMs: 15_000,
    })
    const cells = new Map(keys.map((key) => [key, new Cell(members.length)]))
    const forbidden: string[] = []
    const counts = { reads: 0, hits: 0, loads: 0, invalidations: 0, delivered: 0, faults: 0 }

    let membersUnknownUntilMs = 0

    const cellOf = (key: string): Cell => {
      const cell = cells.get(key)
      if (cell === undefined) throw new RangeError(key)
      return cell
    }

    async function read(at: number, key: string, strong: boolean, how: number): Promise<void> {
      const member = members[at]
      if (member === undefined) return
      const cell = cellOf(key)
      const startedMs = performance.now()
      const { failures } = member
      const wasUp = member.link.status === 'up'
      const delivered = cell.deliveredBy(startedMs)
      const own = cell.own[at] ?? 0
      const inRedis = strong ? cell.stored : 0
      const slow = random() < 0.02 ? 5 + below(60) : 0
      const failing = random() < 0.01
      const late = how === 2
      counts.reads += 1
      const run = { loaded: false }
      const value = await (
        how === 0
          ? member.cache.get<number>(key, { consistency: strong ? 'strong' : 'local' })
          : member.cache.getOrSet<number>(
              key,
              async ({ addTags }) => {
                run.loaded = true
                counts.loads += 1
                const { value } = cell
                if (slow > 0) await new Promise((resolve) => setTimeout(resolve, slow))
                if (failing) throw new Error('the loader failed')
                if (late) addTags([`tag:${key}`])
                return value
              },
              {
                tags: late ? [] : [`tag:${key}`],
                ttlSeconds: random() < 0.1 ? 0.05 : 30,
                staleWhileRevalidateSeconds: 2,
                staleIfErrorSeconds: 2,
                consistency: strong ? 'strong' : 'local',
              },
            )
      ).catch(() => undefined)
      if (value === undefined) return
      if (!run.loaded) counts.hits += 1
      const cutOff = !wasUp || member.failures > failures
      const atLeast = Math.max(own, inRedis, cutOff ? cell.deliveredBy(startedMs - cutOffMs) : delivered)
      if (value < atLeast) {
        forbidden.push(
          `${key}: process ${at} read ${value} after ${atLeast}, from ${Math.round(startedMs)} to ${Math.round(performance.now())} (${JSON.stringify({ strong, how, cutOff, ...run })}); ${cell.history.slice(-8).join('; ')}`,
        )
      }
    }

    async function write(at: number, key: string, how: 'tag' | 'clear' | 'set' | 'delete'): Promise<void> {
      const member = members[at]
      if (member === undefined) return
      const cell = cellOf(key)
      if (cell.setting || (how === 'set' && cell.writing > 0)) return
      cell.writing += 1
      cell.setting = how === 'set'
      cell.value += 1
      const { value } = cell
      counts.invalidations += 1
      const invalidating =
        how === 'tag'
          ? member.cache.invalidateTags([`tag:${key}`])
          : how === 'clear'
            ? member.cache.clear()
            : how === 'delete'
              ? member.cache.delete(key)
              : member.cache
                  .set(key, value, { tags: [`tag:${key}`] })
                  .then(() => member.cache.invalidateTags([`tag:${key}`]))
      if (how !== 'delete' && how !== 'set') cell.own[at] = Math.max(cell.own[at] ?? 0, value)
      const calledMs = Math.round(performance.now())
      cell.history.push(`${calledMs} ${how} of ${value} by ${at} called`)
      const { delivered, durability } = await invalidating
      cell.writing -= 1
      cell.setting = false
      cell.history.push(`${Math.round(performance.now())} ${how} of ${value} ${durability} ${delivered}`)
      cell.own[at] = Math.max(cell.own[at] ?? 0, value)
      if (delivered && calledMs > membersUnknownUntilMs) {
        counts.delivered += 1
        cell.delivered(value)
      }
      if (durability === 'redis' && how !== 'delete') cell.stored = Math.max(cell.stored, value)
    }

    /** Whatever it is, it is over soon: what is to be seen is what happens meanwhile and behind it. */
    async function fault(): Promise<void> {
      counts.faults += 1
      const at = below(members.length)
      const proxy = members[at]?.proxy
      const lasting = 50 + below(900)
      const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, lasting))
      switch (below(7)) {
        case 0:
          proxy?.resetAll()
          return
        case 1:
          proxy?.blackHole()
          await pause()
          await proxy?.restore()
          return
        case 2:
          await proxy?.refuse()
          await pause()
          await proxy?.restore()
          return
        case 3:
          server.freeze()
          await pause()
          server.thaw()
          return
        case 4:
          for (const key of keys) {
            if (random() < 0.3) await server.command('del', `tag:tag:${key}`, `lock:{cache:${key}}`)
          }
          return
        case 5:
          // It wipes who is on the bus as well: until all have said so again, nobody knows whom to wait for.
          membersUnknownUntilMs = Infinity
          await server.command('flushall')
          membersUnknownUntilMs = performance.now() + leaseMs
          return
        default:
          // With its data: a Redis that forgets what it acknowledged breaks a promise of its own.
          await server.restart({ keepData: true })
      }
    }

    const startedMs = performance.now()
    const under = new Set<Promise<void>>()
    let nextFaultMs = startedMs + 1500
    let faulting: Promise<void> | undefined
    let done = 0
    while (done < operations && forbidden.length === 0 && performance.now() - startedMs < withinMs) {
      for (let burst = 0; burst < 40; burst++) {
        done += 1
        const at = below(members.length)
        const key = keys[below(keys.length)] ?? ''
        const dice = random()
        const work =
          dice < 0.965
            ? read(at, key, random() < 0.05, below(16) === 0 ? 0 : Number(key.slice(1)) % 4 === 0 ? 2 : 1)
            : write(at, key, dice < 0.99 ? 'tag' : dice < 0.995 ? 'set' : dice < 0.999 ? 'delete' : 'clear')
        under.add(work)
        void work.finally(() => under.delete(work))
      }
      if (faulting === undefined && performance.now() > nextFaultMs) {
        faulting = fault().finally(() => {
          faulting = undefined
          nextFaultMs = performance.now() + 300 + below(1500)
        })
      }
      await new Promise((resolve) => setImmediate(resolve))
      // So many calls under way are enough to meet in every way.
      while (under.size > 400) await new Promise((resolve) => setTimeout(resolve, 1))
    }
    await faulting
    for (const { proxy } of members) await proxy.restore()
    await Promise.all([...under])
    const tookMs = Math.round(performance.now() - startedMs)
    t.comment(`${done} operations in ${tookMs} ms: ${JSON.stringify(counts)}`)
    t.strictSame(forbidden, [], `seed ${seed}`)
    t.ok(counts.hits > counts.reads / 10, 'most of it was answered by the cache')
    t.ok(counts.delivered > 0)
    await eventually(() => members.every(({ engine }) => engine.sizes.buffered === 0), { withinMs: 20_000 })
  },
)
