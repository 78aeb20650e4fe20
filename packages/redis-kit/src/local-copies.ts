import { LRUCache } from 'lru-cache'
import { performance } from 'node:perf_hooks'
import type { Bus } from './bus.js'
import type { Subscription } from './link.js'

/** How {@link LocalCopies} work. */
export interface LocalCopiesOptions {
  /** Without a bus nothing is ever fresh: copies are for outages only. */
  readonly bus: Bus | undefined
  readonly topic: string
  readonly maxEntries: number
}

/** A copy, and how long ago Redis was last known to agree with it. */
export interface LocalCopy<Value> {
  readonly value: Value
  readonly ageMs: number
}

/** A read of Redis that is under way; see {@link LocalCopies.begin}. */
export interface PendingRead {
  readonly key: string
  /** What was heard of the key since Redis was asked. */
  overtaken: false | 'changed' | 'removed'
}

interface Entry<Value> {
  readonly value: Value
  /** The copy was right as of this period between two revalidations; an older one must be checked. */
  readonly period: number
  readonly verifiedAtMs: number
}

/** What is said on the bus: a key was changed or removed. */
interface Change {
  readonly key: string
  readonly removed: boolean
}

function parseChange(payload: string): Change {
  return { removed: payload.startsWith('-'), key: payload.slice(1) }
}

/**
 * What one process remembers of keys that live in Redis, kept coherent by the bus.
 *
 * ```
 *   (no copy) ── read and kept ──► fresh ── changed elsewhere, subscription lost, lease over ──► stale
 *       ▲                            ▲                                                            │
 *       └── removed elsewhere        └──────────────────────── read and kept ─────────────────────┘
 * ```
 *
 * A fresh copy may be answered without asking Redis. A stale one is for outages alone. A reply of
 * Redis is kept only if nothing was heard of the key since it was asked: a slow reply must not
 * overwrite what is newer.
 */
export class LocalCopies<Value> {
  readonly #bus: Bus | undefined
  readonly #topic: string
  readonly #entries: LRUCache<string, Entry<Value>>
  readonly #pending = new Map<string, Set<PendingRead>>()
  readonly #subscription: Subscription | undefined
  #period = 0

  constructor({ bus, topic, maxEntries }: LocalCopiesOptions) {
    this.#bus = bus
    this.#topic = topic
    this.#entries = new LRUCache({ max: maxEntries })
    this.#subscription = bus?.on(topic, {
      onMessage: (payload) => {
        const { key, removed } = parseChange(payload)
        this.#overtake(key, removed ? 'removed' : 'changed')
        if (removed) this.#entries.delete(key)
        else this.#age(key)
      },
      onRevalidate: () => {
        this.#period += 1
        for (const key of this.#pending.keys()) this.#overtake(key, 'changed')
      },
    })
  }

  get size(): number {
    return this.#entries.size
  }

  /** A copy that no process has changed since: as good as Redis. */
  fresh(key: string): Value | undefined {
    if (this.#bus?.covered !== true) return undefined
    const entry = this.#entries.get(key)
    return entry?.period === this.#period ? entry.value : undefined
  }

  /** Whatever is remembered, for when Redis cannot be asked. */
  stale(key: string): LocalCopy<Value> | undefined {
    const entry = this.#entries.get(key)
    return entry === undefined
      ? undefined
      : { value: entry.value, ageMs: performance.now() - entry.verifiedAtMs }
  }

  /** Call before Redis is asked for a key; then {@link LocalCopies.keep} or {@link LocalCopies.drop}. */
  begin(key: string): PendingRead {
    const read: PendingRead = { key, overtaken: false }
    const reads = this.#pending.get(key) ?? new Set()
    this.#pending.set(key, reads)
    reads.add(read)
    return read
  }

  /**
   * Ends a read with what Redis said; `undefined` for nothing. A read that was overtaken leaves at most
   * a stale copy, so that the key is known in an outage.
   */
  keep(read: PendingRead, value: Value | undefined): void {
    this.drop(read)
    const { key, overtaken } = read
    const verifiedAtMs = performance.now()
    if (overtaken === false) {
      if (value === undefined) this.#entries.delete(key)
      else this.#entries.set(key, { value, period: this.#period, verifiedAtMs })
    } else if (overtaken === 'changed' && value !== undefined && !this.#entries.has(key)) {
      this.#entries.set(key, { value, period: -1, verifiedAtMs })
    }
  }

  /** Ends a read that failed. */
  drop(read: PendingRead): void {
    const reads = this.#pending.get(read.key)
    reads?.delete(read)
    if (reads?.size === 0) this.#pending.delete(read.key)
  }

  /**
   * Remembers what this process itself wrote, before others are told. It is stale until it is read
   * again: another process may have written right behind.
   */
  wrote(key: string, value: Value | undefined): void {
    this.#overtake(key, value === undefined ? 'removed' : 'changed')
    if (value === undefined) this.#entries.delete(key)
    else this.#entries.set(key, { value, period: -1, verifiedAtMs: performance.now() })
  }

  /** Tells the other processes. Their copies are stale, or gone, once it is delivered. */
  async tell(key: string, change: { readonly removed: boolean }): Promise<boolean> {
    if (this.#bus === undefined) return false
    const { delivered } = await this.#bus.publish(this.#topic, `${change.removed ? '-' : '+'}${key}`)
    return delivered
  }

  /**
   * What a script publishes with its write instead of a {@link LocalCopies.tell} of its own: no further
   * command, and nobody waits. Other processes hear of it a moment later, or their lease runs out.
   */
  announcement(key: string): {
    readonly channel: string
    readonly changed: string
    readonly removed: string
  } {
    if (this.#bus === undefined) return { channel: '', changed: '', removed: '' }
    const { channel, message: changed } = this.#bus.announcement(this.#topic, `+${key}`)
    const { message: removed } = this.#bus.announcement(this.#topic, `-${key}`)
    return { channel, changed, removed }
  }

  close(): void {
    this.#subscription?.close()
    this.#entries.clear()
  }

  /** A removal is not undone by a change that is heard behind it: that one will be read. */
  #overtake(key: string, how: 'changed' | 'removed'): void {
    for (const read of this.#pending.get(key) ?? []) {
      if (read.overtaken !== 'removed') read.overtaken = how
    }
  }

  #age(key: string): void {
    const entry = this.#entries.peek(key)
    if (entry !== undefined) this.#entries.set(key, { ...entry, period: -1 })
  }
}
