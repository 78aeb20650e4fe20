import type { CacheEntry, EntryTimes } from './cache-entry.js'
import type { Codec } from './codec.js'
import type { StoredEntry } from './redis/entry-text.js'
import type { TagRecord } from './tags/tag-table.js'
import type { TagVersion } from './tags/tag-version.js'

/** How long a value is good for what; in ms from its making. */
export interface Lifetimes {
  readonly freshMs: number
  readonly staleMs: number
  readonly errorMs: number
}

/** How entries are made. */
export interface EntryFactoryOptions {
  /** Share of its fresh time after which an entry is refreshed by a hit; 0 or 1 never. */
  readonly earlyRefresh: number
  /** Every caller gets a copy of its own. */
  readonly keepText: boolean
}

/** The parts of an entry that its maker has. */
export interface EntryParts {
  readonly id: string
  readonly records: readonly TagRecord[]
  readonly versions: readonly TagVersion[]
  readonly epochs: number
  readonly loadedMs: number
  readonly period: number
  readonly text: string
}

/** An entry, and the value that its first caller gets. */
export interface DecodedEntry {
  readonly entry: CacheEntry
  readonly value: unknown
}

/** Makes the entries that memory holds. */
export class EntryFactory {
  readonly #options: EntryFactoryOptions

  constructor(options: EntryFactoryOptions) {
    this.#options = options
  }

  make(parts: EntryParts, times: EntryTimes, codec: Codec<unknown>): CacheEntry {
    const { earlyRefresh, keepText } = this.#options
    const { records, text } = parts
    // The very strings of the records: comparing them is comparing pointers.
    const versions: TagVersion[] = []
    for (const version of parts.versions) {
      const known = records[versions.length]?.version
      versions.push(known === version ? known : version)
    }
    const early = earlyRefresh > 0 && earlyRefresh < 1
    return {
      id: parts.id,
      codec,
      records,
      versions,
      epochs: parts.epochs,
      createdMs: times.createdMs,
      freshUntilMs: times.freshUntilMs,
      staleUntilMs: times.staleUntilMs,
      errorUntilMs: times.errorUntilMs,
      refreshAtMs: early
        ? times.createdMs + (times.freshUntilMs - times.createdMs) * earlyRefresh
        : times.freshUntilMs,
      retryAtMs: 0,
      currentAt: -1,
      period: parts.period,
      loadedMs: parts.loadedMs,
      text,
      keepText,
      value: undefined,
      promise: undefined,
      // Latin letters take a byte each in memory, others two; nobody counts them again for that.
      bytes: text.length,
    }
  }

  /**
   * @param offsetMs - How far this process's clock is ahead of Redis's, which the entry's times are of.
   * @returns Undefined when the payload is none of the codec's.
   */
  fromStored(
    stored: StoredEntry,
    records: readonly TagRecord[],
    { epochs, codec }: { readonly epochs: readonly string[]; readonly codec: Codec<unknown> },
    offsetMs: number,
    asked: { readonly loadedMs: number; readonly period: number },
  ): DecodedEntry | undefined {
    let value: unknown
    try {
      value = codec.decode(stored.payload)
    } catch {
      return undefined
    }
    const entry = this.make(
      {
        id: stored.id,
        records,
        versions: stored.versions,
        epochs: epochs.length,
        ...asked,
        text: stored.payload,
      },
      {
        createdMs: stored.createdMs + offsetMs,
        freshUntilMs: stored.freshUntilMs + offsetMs,
        staleUntilMs: stored.staleUntilMs + offsetMs,
        errorUntilMs: stored.errorUntilMs + offsetMs,
      },
      codec,
    )
    return { entry, value }
  }
}

/** Ends counted from now. An entry never lives longer than it was given: jitter takes off and adds nothing. */
export function lifetimesOf(
  { ttlMs, staleMs, errorMs }: { readonly ttlMs: number; readonly staleMs: number; readonly errorMs: number },
  jitter: number,
  negativeMs?: number,
): Lifetimes {
  const freshMs = (negativeMs ?? ttlMs) * (1 - jitter * Math.random())
  if (negativeMs !== undefined) return { freshMs, staleMs: freshMs, errorMs: freshMs }
  return { freshMs, staleMs: freshMs + staleMs, errorMs: freshMs + errorMs }
}
