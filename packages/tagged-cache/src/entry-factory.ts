import { performance } from 'node:perf_hooks'
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
  readonly text: string
}

/** Makes the entries that memory holds. */
export class EntryFactory {
  readonly #options: EntryFactoryOptions

  constructor(options: EntryFactoryOptions) {
    this.#options = options
  }

  /** @throws What the codec throws. */
  make(parts: EntryParts, times: EntryTimes, codec: Codec<unknown>): CacheEntry {
    const { earlyRefresh, keepText } = this.#options
    const { records, versions, text } = parts
    const value = codec.decode(text)
    const early = earlyRefresh > 0 && earlyRefresh < 1
    return {
      id: parts.id,
      codec: codec.letter,
      records,
      // The very strings of the records: comparing them is comparing pointers.
      versions: versions.map((version, index) => {
        const known = records[index]?.version
        return known === version ? known : version
      }),
      tags: records.slice(parts.epochs).map(({ name }) => name),
      createdMs: times.createdMs,
      freshUntilMs: times.freshUntilMs,
      staleUntilMs: times.staleUntilMs,
      errorUntilMs: times.errorUntilMs,
      refreshAtMs: early
        ? times.createdMs + (times.freshUntilMs - times.createdMs) * earlyRefresh
        : times.freshUntilMs,
      retryAtMs: 0,
      loadedMs: parts.loadedMs,
      value,
      promise: Promise.resolve(value),
      text: keepText ? text : undefined,
      // Latin letters take a byte each in memory, others two; nobody counts them again for that.
      bytes: text.length,
    }
  }

  /**
   * @param redisNowMs - Now, by the clock that the entry's times are of: clocks of processes do not matter.
   * @returns Undefined when the payload is none of the codec's.
   */
  fromStored(
    stored: StoredEntry,
    records: readonly TagRecord[],
    { epochs, codec }: { readonly epochs: readonly string[]; readonly codec: Codec<unknown> },
    redisNowMs: number,
    loadedMs: number,
  ): CacheEntry | undefined {
    const offsetMs = performance.now() - redisNowMs
    try {
      return this.make(
        {
          id: stored.id,
          records,
          versions: stored.versions,
          epochs: epochs.length,
          loadedMs,
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
    } catch {
      return undefined
    }
  }
}
