import { performance } from 'node:perf_hooks'
import { hasTags, isCurrent, usableUntilMs, type CacheEntry } from '../cache-entry.js'
import type { CacheEvents } from '../cache-events.js'
import type { DecodedEntry, EntryFactory } from '../entry-factory.js'
import type { KeyWatch } from '../key-watch.js'
import type { LocalLevel } from '../levels/local-level.js'
import { entryId, parseEntry, type StoredEntry } from '../redis/entry-text.js'
import type { SharedLevel } from '../redis/shared-level.js'
import type { TagRecord, TagTable } from '../tags/tag-table.js'
import { Lookup, type Found, type Wanted } from './lookup.js'
import { TagReads } from './tag-reads.js'

/** What a {@link Lookups} works with. */
export interface LookupParts {
  readonly table: TagTable
  readonly local: LocalLevel
  readonly shared: SharedLevel | undefined
  readonly watch: KeyWatch
  readonly entries: EntryFactory
  readonly events: CacheEvents
  readonly outageStaleMs: number
}

function sameTags(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((tag, index) => tag === other[index])
}

/** When Redis was asked. */
interface Asking {
  readonly loadedMs: number
  readonly period: number
}

/**
 * Looks for values in memory and in Redis.
 *
 * ```
 *   no Redis           memory alone decides
 *   lease is running   one MGET of the entry and of the tags that are unknown
 *   no lease, strong   one MGET of the entry and of all its tags
 *   Redis is away      memory, for outageStaleSeconds
 * ```
 *
 * Tags that were added by the loader are seen in the entry only: those of them that are unknown cost a
 * second command.
 */
export class Lookups {
  readonly #parts: LookupParts
  readonly #running = new Map<string, Lookup>()

  constructor(parts: LookupParts) {
    this.#parts = parts
  }

  /** Call `leave()` on what is returned when its result does not matter any more. */
  begin(wanted: Wanted): Lookup {
    const running = this.#running.get(wanted.name)
    if (running !== undefined && this.#isSame(running, wanted)) return running.join()
    const { table, watch } = this.#parts
    const lookup = watch.begin(new Lookup(wanted, table))
    this.#running.set(wanted.name, lookup)
    lookup.found = this.#find(lookup)
    return lookup
  }

  /**
   * Whether an entry in memory may be answered while Redis cannot be asked. An outage counts from when it
   * began, a value that was loaded in it from its load.
   */
  mayServeInOutage(entry: CacheEntry): boolean {
    const { shared, outageStaleMs } = this.#parts
    if (shared === undefined) return true
    const sinceMs = Math.max(shared.cutOffSinceMs(), entry.loadedMs)
    return isCurrent(entry, this.#parts.table) && performance.now() - sinceMs < outageStaleMs
  }

  /** Whether an older value may be answered now, without asking anybody. */
  mayServe(entry: CacheEntry): boolean {
    const { shared } = this.#parts
    if (shared === undefined || shared.trusted) return isCurrent(entry, this.#parts.table)
    return !shared.up && this.mayServeInOutage(entry)
  }

  /** A look that began before an invalidation is not for those who come after it. */
  #isSame({ wanted, changes, overtaken }: Lookup, other: Wanted): boolean {
    const { shared, table } = this.#parts
    const coherent = shared === undefined || shared.trusted || !shared.up
    return (
      coherent &&
      changes === table.changes &&
      !overtaken &&
      !wanted.strong &&
      !other.strong &&
      wanted.codec === other.codec &&
      sameTags(wanted.tags, other.tags)
    )
  }

  #find(lookup: Lookup): Promise<Found> {
    const { shared } = this.#parts
    const { wanted, records } = lookup
    if (shared?.up === true) return this.#online(shared, lookup)
    const found = shared === undefined ? this.#inMemory(wanted, records) : this.#offline(wanted, records)
    this.#ended(lookup)
    return Promise.resolve(found)
  }

  #ended(lookup: Lookup): void {
    const { name } = lookup.wanted
    this.#parts.watch.end(lookup)
    if (this.#running.get(name) === lookup) this.#running.delete(name)
    lookup.leave()
  }

  #inMemory(wanted: Wanted, records: readonly TagRecord[]): Found {
    const entry = this.#remembered(wanted)
    const valid = entry !== undefined && isCurrent(entry, this.#parts.table)
    return {
      entry: valid ? entry : undefined,
      decoded: undefined,
      level: 'local',
      seenId: '',
      records,
      versions: records.map(({ version }) => version),
      storable: true,
      offline: false,
    }
  }

  #offline(wanted: Wanted, records: readonly TagRecord[]): Found {
    const { shared, table } = this.#parts
    // Only until Redis is back: then these versions are forgotten.
    if (shared?.up === false) for (const record of records) table.makeLocal(record)
    const entry = this.#remembered(wanted)
    const valid = entry !== undefined && !wanted.strong && this.mayServeInOutage(entry)
    return {
      entry: valid ? entry : undefined,
      decoded: undefined,
      level: 'local',
      seenId: '',
      records,
      versions: records.map(({ version }) => version),
      storable: false,
      offline: true,
    }
  }

  /** What memory has, if it has the tags and the form that are wanted. */
  #remembered({ name, tags, codec }: Wanted): CacheEntry | undefined {
    const entry = this.#parts.local.get(name)
    if (entry?.codec !== codec || !hasTags(entry, tags)) return undefined
    if (usableUntilMs(entry) > performance.now()) return entry
    this.#parts.local.delete(name)
    return undefined
  }

  async #online(shared: SharedLevel, lookup: Lookup): Promise<Found> {
    const { wanted, records } = lookup
    try {
      const { table, events, local } = this.#parts
      for (const record of records) {
        if (record.version === undefined && shared.invalidations.waiting.isTagPending(record.name)) {
          table.makeLocal(record)
        }
      }
      if (records.some(isLocal) || shared.invalidations.waiting.isKeyPending(wanted.name)) {
        return this.#beforeReplay(shared, wanted, records)
      }
      const reads = new TagReads(table, shared, !wanted.strong && shared.trusted)
      const known = this.#remembered(wanted)
      const keys = [shared.keys.entry(wanted.name)]
      const asking = { loadedMs: performance.now(), period: table.period }
      const asked = known === undefined ? records : [...new Set([...records, ...known.records])]
      reads.ask(asked, keys, asking.loadedMs)
      const { replies, first } = shared.read(keys)
      const all = await replies
      reads.answered(all, first + 1)
      const text = all[first] ?? null
      const seenId = entryId(text)
      if (text === null) return foundIn(reads, records, seenId, undefined, undefined)
      if (known !== undefined && known.id === seenId) {
        if (!reads.areCurrent(known.records, known.versions)) {
          return foundIn(reads, records, seenId, undefined, undefined)
        }
        known.period = asking.period
        return foundIn(reads, records, seenId, known, undefined)
      }
      const stored = parseEntry(text)
      if (stored === undefined) {
        if (events.active) events.emit({ kind: 'unreadable', key: wanted.name })
        return foundIn(reads, records, seenId, undefined, undefined)
      }
      if (!suits(stored, wanted)) return foundIn(reads, records, seenId, undefined, undefined)
      const tags = lookup.hold(stored.tags)
      const more: string[] = []
      reads.ask(tags, more, asking.loadedMs)
      if (more.length > 0) {
        const second = shared.read(more)
        reads.answered(await second.replies, second.first)
      }
      const decoded = reads.areCurrent(tags, stored.versions)
        ? this.#decode(shared, wanted, stored, tags, asking)
        : undefined
      if (decoded !== undefined && !lookup.overtaken) local.set(wanted.name, decoded.entry)
      return foundIn(reads, records, seenId, decoded?.entry, decoded)
    } catch (error) {
      const { events } = this.#parts
      if (events.active) events.emit({ kind: 'redis-failed', doing: 'read', error })
      // Also what is no failure of Redis, but a defect, is no reason not to load.
      return this.#offline(wanted, records)
    } finally {
      this.#ended(lookup)
    }
  }

  /** Something of it waits for Redis: what Redis says is older than that. */
  #beforeReplay(shared: SharedLevel, wanted: Wanted, records: readonly TagRecord[]): Found {
    const entry = this.#remembered(wanted)
    const valid =
      entry !== undefined &&
      !wanted.strong &&
      shared.trusted &&
      !shared.invalidations.waiting.isKeyPending(wanted.name) &&
      isCurrent(entry, this.#parts.table)
    return {
      entry: valid ? entry : undefined,
      decoded: undefined,
      level: 'local',
      seenId: '',
      records,
      versions: records.map(({ version }) => version),
      storable: false,
      offline: false,
    }
  }

  #decode(
    shared: SharedLevel,
    wanted: Wanted,
    stored: StoredEntry,
    records: readonly TagRecord[],
    asking: Asking,
  ): DecodedEntry | undefined {
    const { entries, events } = this.#parts
    const nowMs = performance.now()
    const decoded = entries.fromStored(stored, records, wanted, nowMs - shared.nowMs(), asking)
    if (decoded === undefined) {
      if (events.active) events.emit({ kind: 'unreadable', key: wanted.name })
      return undefined
    }
    return usableUntilMs(decoded.entry) > nowMs ? decoded : undefined
  }
}

function isLocal({ local }: TagRecord): boolean {
  return local
}

/** Whether an entry is of the form and has the tags that are wanted. */
function suits(stored: StoredEntry, { codec, epochs, tags }: Wanted): boolean {
  if (stored.codec !== codec.letter) return false
  for (const epoch of epochs) if (!stored.tags.includes(epoch)) return false
  for (const tag of tags) if (!stored.tags.includes(tag)) return false
  return true
}

/** What came of asking Redis. An entry that was not decoded is one that memory had. */
function foundIn(
  reads: TagReads,
  records: readonly TagRecord[],
  seenId: string,
  entry: CacheEntry | undefined,
  decoded: DecodedEntry | undefined,
): Found {
  return {
    entry,
    decoded,
    level: entry !== undefined && decoded === undefined ? 'local' : 'redis',
    seenId,
    records,
    versions: records.map((record) => reads.current(record)),
    storable: !records.some(isLocal),
    offline: false,
  }
}
