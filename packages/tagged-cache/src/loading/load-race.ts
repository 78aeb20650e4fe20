import { performance } from 'node:perf_hooks'
import { isCurrent, type CacheEntry } from '../cache-entry.js'
import type { CacheEvents } from '../cache-events.js'
import type { Lookups } from '../lookup/lookups.js'
import type { SharedLevel } from '../redis/shared-level.js'
import type { TagRecord, TagTable } from '../tags/tag-table.js'
import { nonce, type TagVersion } from '../tags/tag-version.js'
import type { Load } from './load.js'

/** How the race for the right to load ended. */
export type Race =
  | { readonly kind: 'locked'; readonly token: string }
  /** Without a lock: what is loaded is for this process, or locks are off. */
  | { readonly kind: 'free' }
  | { readonly kind: 'found'; readonly entry: CacheEntry; readonly changes: number }
  | { readonly kind: 'declined' }

/** How a {@link LoadRace} is held. */
export interface LoadRaceOptions {
  /** One load over all processes, by a lock in Redis. */
  readonly lock: boolean
  readonly lockWaitMs: number
}

/** What a {@link LoadRace} works with. */
export interface LoadRaceParts {
  readonly table: TagTable
  readonly shared: SharedLevel | undefined
  readonly lookups: Lookups
  readonly events: CacheEvents
}

/** Pauses between two looks at a lock that somebody else holds; each longer than the one before. */
const firstPauseMs = 20
const longestPauseMs = 200

const free: Race = { kind: 'free' }

/** Who may load a key: one of all processes, found out by a lock in Redis. */
export class LoadRace {
  readonly #options: LoadRaceOptions
  readonly #parts: LoadRaceParts

  constructor(options: LoadRaceOptions, parts: LoadRaceParts) {
    this.#options = options
    this.#parts = parts
  }

  /** Whether Redis has to be asked before the loader may begin. */
  isOpen(load: Load): boolean {
    const { shared } = this.#parts
    if (shared?.up !== true || !load.storable) return false
    return this.#options.lock || toTouch(shared, load).length > 0
  }

  /** @throws Why the load was given up meanwhile. */
  async run(load: Load): Promise<Race> {
    const { shared, events } = this.#parts
    if (shared === undefined) return free
    try {
      if (this.#options.lock) return await this.#takeLock(shared, load)
      await this.#touch(shared, load)
    } catch (error) {
      if (load.abandoned !== undefined) throw load.abandoned
      if (events.active) events.emit({ kind: 'redis-failed', doing: 'lock', error })
      load.storable = false
    }
    return free
  }

  async #takeLock(shared: SharedLevel, load: Load): Promise<Race> {
    const token = nonce()
    const { cluster } = shared.link.traits
    const untilMs = performance.now() + this.#options.lockWaitMs
    let pauseMs = firstPauseMs
    let touched = false
    for (;;) {
      if (cluster && (!touched || load.versions.includes(undefined))) await this.#touch(shared, load)
      touched = true
      const nowMs = performance.now()
      const asked = load.records.map((record) => this.#parts.table.ask(record, nowMs))
      const reply = await shared.locks.take({
        name: load.call.name,
        seenId: load.seenId,
        token,
        records: load.records,
        versions: load.versions.map((version) => version ?? ''),
        tagTtlMs: shared.tagTtlMs(load.call.usableMs),
      })
      if (reply.kind === 'failed')
        throw new Error('Something else than an entry lies at its key, or its lock.')
      if (!cluster) {
        for (const [index, record] of load.records.entries()) {
          const at = asked[index]
          if (at !== undefined) this.#parts.table.accept(record, reply.versions[index], at)
        }
        capture(load, reply.versions)
      }
      if (reply.kind === 'locked') return { kind: 'locked', token }
      if (reply.kind === 'changed') {
        const { changes } = this.#parts.table
        const entry = await this.#lookAgain(load)
        if (entry !== undefined) return { kind: 'found', entry, changes }
      } else {
        const { fallback } = load
        const goodEnough = fallback !== undefined && performance.now() < fallback.staleUntilMs
        if (load.background || (goodEnough && isCurrent(fallback, this.#parts.table)))
          return { kind: 'declined' }
        await pause(load, pauseMs * (0.75 + Math.random() / 2))
        pauseMs = Math.min(longestPauseMs, pauseMs * 1.6)
        if (cluster)
          for (const [index, record] of load.records.entries()) load.versions[index] = record.version
      }
      if (load.abandoned !== undefined) throw load.abandoned
      if (performance.now() > untilMs) {
        // Whoever has the lock will store; this one is for those who waited here.
        load.storable = false
        return free
      }
    }
  }

  /** There is another entry than the one that was seen: it may be what is wanted. */
  async #lookAgain(load: Load): Promise<CacheEntry | undefined> {
    const lookup = this.#parts.lookups.begin(load.call)
    try {
      const found = await lookup.found
      load.seenId = found.seenId
      capture(load, found.versions)
      const { entry } = found
      if (entry !== undefined && performance.now() < entry.freshUntilMs) return entry
      load.fallback = entry
      return undefined
    } finally {
      lookup.leave()
    }
  }

  async #touch(shared: SharedLevel, load: Load): Promise<void> {
    const records = toTouch(shared, load)
    if (records.length === 0) return
    const versions = await shared.touch(records, load.call.usableMs)
    for (const [index, record] of records.entries()) {
      load.versions[load.records.indexOf(record)] = record.local ? record.version : versions[index]
    }
    if (records.some(({ local }) => local)) load.storable = false
  }
}

function toTouch(shared: SharedLevel, { records, versions, call }: Load): readonly TagRecord[] {
  return records.filter(
    (record, index) => versions[index] === undefined || shared.mustTouch(record, call.usableMs),
  )
}

function capture(load: Load, versions: readonly (TagVersion | undefined)[]): void {
  for (const [index, record] of load.records.entries()) {
    load.versions[index] = record.local ? record.version : versions[index]
    // It was invalidated here and Redis has not answered yet: what is loaded now is for now.
    if (record.local) load.storable = false
  }
}

function pause(load: Load, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      load.wake = () => undefined
      resolve()
    }
    const timer = setTimeout(done, ms)
    load.wake = done
  })
}
