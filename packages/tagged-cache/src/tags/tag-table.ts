import { LRUCache } from 'lru-cache'
import { performance } from 'node:perf_hooks'
import { localVersion, type TagVersion } from './tag-version.js'

/** What this process knows of a tag. Entries keep a reference to it, so that a hit is a comparison. */
export interface TagRecord {
  readonly name: string
  /** Undefined while it is unknown: nothing with this tag is valid before Redis was asked. */
  version: TagVersion | undefined
  /** The version is of this process alone: Redis has another one, or is not to be asked. */
  local: boolean
  /** Grows with everything that is heard of the tag or done to it; tells whether a reply was overtaken. */
  sequence: number
  /** Own invalidations that Redis has not answered yet. */
  inFlight: number
  /** Something was heard of the tag while an own invalidation was under way: their order is unknown. */
  crossed: boolean
  /** The nonce of the last own invalidation, until its message has come back. */
  echo: string | undefined
  /** Holders: entries, loads and reads. */
  uses: number
  /** Since when the version has been known without a break; ms of the monotonic clock. */
  sinceMs: number
  /** When Redis was last asked for it, or told of it. */
  askedMs: number
}

/** How a {@link TagTable} works. */
export interface TagTableOptions {
  /** Tags that nobody holds, and are remembered. */
  readonly maxIdle: number
  /** There is no Redis, and every version is made here. */
  readonly alwaysLocal: boolean
  readonly recheckMs?: number | undefined
}

/**
 * What is known of a tag is asked for again after so long, where a command is sent anyway: Redis may have
 * evicted it, and then nobody else can read what is stored under it.
 */
const defaultRecheckMs = 60_000

/** Told of every invalidation that happens here or is heard. */
export type InvalidationListener = (name: string) => void

/**
 * The tags that matter to this process.
 *
 * ```
 *             read from Redis                     message with a version
 *   unknown ───────────────────► known ◄──────────────────────────────── known
 *      ▲ ▲                         │
 *      │ │  subscription renewed,  │
 *      │ └── message without one ──┤
 *      │                           │ own invalidation
 *      │  answered, but crossed    ▼
 *      └──────────────────────── local ── answered, nothing crossed ──► known
 * ```
 *
 * A reply of Redis counts only if nothing was heard of the tag since it was asked: a slow reply must
 * not overwrite what is newer.
 */
export class TagTable {
  readonly #records = new Map<string, TagRecord>()
  readonly #idle: LRUCache<string, TagRecord>
  readonly #listeners = new Set<InvalidationListener>()
  readonly #alwaysLocal: boolean
  readonly #recheckMs: number
  #changes = 0
  #period = 0

  constructor(options: TagTableOptions) {
    this.#alwaysLocal = options.alwaysLocal
    this.#recheckMs = options.recheckMs ?? defaultRecheckMs
    this.#idle = new LRUCache({
      max: options.maxIdle,
      dispose: (record) => {
        if (record.uses === 0) this.#records.delete(record.name)
      },
    })
  }

  /**
   * Grows whenever a version becomes another one: as long as it stays, what was current is current, and
   * nothing was invalidated.
   */
  get changes(): number {
    return this.#changes
  }

  /** Grows with every {@link TagTable.forgetAll}. */
  get period(): number {
    return this.#period
  }

  get size(): number {
    return this.#records.size
  }

  /** The record of a tag; {@link TagTable.release} it when it does not matter any more. */
  acquire(name: string): TagRecord {
    let record = this.#records.get(name)
    if (record === undefined) {
      record = {
        name,
        version: this.#alwaysLocal ? localVersion() : undefined,
        local: this.#alwaysLocal,
        sequence: 0,
        inFlight: 0,
        crossed: false,
        echo: undefined,
        uses: 1,
        sinceMs: performance.now(),
        askedMs: 0,
      }
      this.#records.set(name, record)
      return record
    }
    record.uses += 1
    if (record.uses === 1) this.#idle.delete(name)
    return record
  }

  /** One more holder of a record that somebody holds already. */
  hold(record: TagRecord): void {
    record.uses += 1
  }

  release(record: TagRecord): void {
    record.uses -= 1
    if (record.uses === 0) this.#idle.set(record.name, record)
  }

  /** The version that Redis gave, unless something was heard of the tag since it was asked. */
  accept(record: TagRecord, version: TagVersion | undefined, asked: Asked): void {
    if (record.sequence !== asked.sequence || this.#period !== asked.period || record.local) return
    if (record.version === version) return
    if (record.version !== undefined) this.#changes += 1
    record.version = version
    record.sinceMs = performance.now()
  }

  /** What to remember of now for {@link TagTable.accept}. */
  ask(record: TagRecord, nowMs: number): Asked {
    record.askedMs = nowMs
    return { sequence: record.sequence, period: this.#period }
  }

  /** Whether Redis has to be asked for it before something is stored under it. */
  isDoubtful({ version, askedMs }: TagRecord, nowMs: number): boolean {
    return version === undefined || nowMs - askedMs >= this.#recheckMs
  }

  /** Takes the right from everything with this tag, at once. */
  invalidateHere(record: TagRecord): void {
    record.version = localVersion()
    record.local = true
    this.#changed(record)
  }

  /** An own invalidation is sent. */
  sent(record: TagRecord, sentNonce: string): void {
    if (record.inFlight > 0) record.crossed = true
    record.inFlight += 1
    record.echo = sentNonce
  }

  /**
   * An own invalidation was answered.
   *
   * @param version - What Redis has now; undefined when that is not certain.
   */
  answered(record: TagRecord, version: TagVersion | undefined): void {
    record.inFlight -= 1
    if (version === undefined) record.crossed = true
    if (record.inFlight > 0) return
    record.version = record.crossed ? undefined : version
    record.local = false
    record.crossed = false
    record.sequence += 1
    record.sinceMs = performance.now()
    record.askedMs = record.sinceMs
    this.#changes += 1
  }

  /** An own invalidation was not answered, and waits for Redis: the local version stays. */
  failed(record: TagRecord): void {
    record.inFlight -= 1
    if (record.inFlight === 0) record.crossed = false
    record.echo = undefined
  }

  /**
   * A message came in.
   *
   * @param said - A version (`nonce.time`), or a nonce alone where the order of messages is not the order
   *   in which Redis was written: then the tag is to be read.
   */
  heard(name: string, said: TagVersion): void {
    const record = this.#records.get(name)
    if (record === undefined) {
      this.#changes += 1
      for (const listener of this.#listeners) listener(name)
      return
    }
    const own = record.echo !== undefined && said.startsWith(record.echo)
    if (own) record.echo = undefined
    if (record.inFlight > 0) {
      if (own) return
      record.crossed = true
      // What was loaded since the own invalidation may be older than this one.
      this.invalidateHere(record)
      return
    }
    // It waits for Redis here: what others do makes no difference.
    if (record.local) {
      this.invalidateHere(record)
      return
    }
    const version = own || record.echo === undefined ? (said.includes('.') ? said : undefined) : undefined
    // The answer was quicker than the message.
    if (own && record.version === version && version !== undefined) return
    record.version = version
    record.askedMs = performance.now()
    this.#changed(record)
  }

  /** What is kept in this process alone counts no more, such as when Redis has acknowledged it. */
  settle(name: string): void {
    const record = this.#records.get(name)
    if (record !== undefined) this.#forget(record)
  }

  /** Messages may have been missed: every tag has to be read again. */
  forgetAll(): void {
    this.#period += 1
    this.#changes += 1
    for (const record of this.#records.values()) {
      record.echo = undefined
      if (record.inFlight > 0) record.crossed = true
      else this.#forget(record)
    }
  }

  /** Versions that this process made up while Redis was away count no more. */
  forgetLocal(): void {
    this.#changes += 1
    for (const record of this.#records.values()) {
      if (record.local) this.#forget(record)
    }
  }

  /** A version of this process alone for a tag that is unknown, because Redis cannot be asked. */
  makeLocal(record: TagRecord): TagVersion {
    if (record.version === undefined) {
      record.version = localVersion()
      record.local = true
      record.sequence += 1
    }
    return record.version
  }

  /** Hears of every invalidation until the returned function is called. */
  onInvalidation(listener: InvalidationListener): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  #forget(record: TagRecord): void {
    if (record.inFlight > 0 || this.#alwaysLocal) return
    record.version = undefined
    record.local = false
    record.crossed = false
    record.sequence += 1
    this.#changes += 1
  }

  #changed(record: TagRecord): void {
    record.sequence += 1
    record.sinceMs = performance.now()
    this.#changes += 1
    for (const listener of this.#listeners) listener(record.name)
  }
}

/** See {@link TagTable.ask}. */
export interface Asked {
  readonly sequence: number
  readonly period: number
}
