import { performance } from 'node:perf_hooks'
import { hasTags, isCurrent, usableUntilMs, type CacheEntry } from './cache-entry.js'
import type { CacheEvents } from './cache-events.js'
import type { Codec } from './codec.js'
import type { DecodedEntry, EntryFactory } from './entry-factory.js'
import type { KeyWatch, WatchedKey } from './key-watch.js'
import type { LocalLevel } from './levels/local-level.js'
import { entryId, parseEntry, type StoredEntry } from './redis/entry-text.js'
import type { SharedLevel } from './redis/shared-level.js'
import type { Asked, TagRecord, TagTable } from './tags/tag-table.js'
import type { TagVersion } from './tags/tag-version.js'

/** What is looked up. Names are those of the whole cache. */
export interface Wanted {
  readonly name: string
  /** Of the scopes around it. */
  readonly epochs: readonly string[]
  readonly tags: readonly string[]
  readonly strong: boolean
  readonly codec: Codec<unknown>
}

/** What a look at memory and Redis brought. */
export interface Found {
  /** Nothing it depends on has changed; it may be behind its time. */
  readonly entry: CacheEntry | undefined
  /** Its value, where it had to be decoded anyway. */
  readonly decoded: DecodedEntry | undefined
  readonly level: 'local' | 'redis'
  /** The entry that lies in Redis, valid or not; empty where there is none. */
  readonly seenId: string
  /** The tags that were wanted, with what Redis (or this process) has now; undefined where there is none. */
  readonly records: readonly TagRecord[]
  readonly versions: readonly (TagVersion | undefined)[]
  /** Redis may be given what is loaded now. */
  readonly storable: boolean
  /** Redis could not be asked. */
  readonly offline: boolean
}

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

/**
 * A look that is under way, shared by those who want the same. It holds the records of its tags until
 * the last of them has left: what nobody holds may be forgotten, and then its invalidation is not heard.
 */
export class Lookup {
  readonly wanted: Wanted
  /** As long as this is still so, whoever comes finds the same as the one who began. */
  readonly changes: number
  readonly found: Promise<Found>
  /** The key may be written or removed meanwhile. */
  readonly watched: WatchedKey
  readonly #table: TagTable
  readonly #held: TagRecord[]
  #users = 1

  constructor(
    wanted: Wanted,
    table: TagTable,
    held: TagRecord[],
    watched: WatchedKey,
    find: (watched: WatchedKey) => Promise<Found>,
  ) {
    this.wanted = wanted
    this.watched = watched
    this.changes = table.changes
    this.found = find(watched)
    this.#table = table
    this.#held = held
  }

  join(): this {
    this.#users += 1
    return this
  }

  leave(): void {
    this.#users -= 1
    if (this.#users === 0) for (const record of this.#held) this.#table.release(record)
  }
}

function sameTags(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((tag, index) => tag === other[index])
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
    const held = [...wanted.epochs, ...wanted.tags].map((name) => table.acquire(name))
    const lookup = new Lookup(wanted, table, held, watch.begin(wanted.name), (watched) =>
      this.#find(wanted, [...held], held, watched),
    )
    this.#running.set(wanted.name, lookup)
    const end = (): void => {
      watch.end(lookup.watched)
      if (this.#running.get(wanted.name) === lookup) this.#running.delete(wanted.name)
    }
    lookup.found.then(end, end)
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
  #isSame({ wanted, changes, watched }: Lookup, other: Wanted): boolean {
    const { shared, table } = this.#parts
    const coherent = shared === undefined || shared.trusted || !shared.up
    return (
      coherent &&
      changes === table.changes &&
      !watched.overtaken &&
      !wanted.strong &&
      !other.strong &&
      wanted.codec === other.codec &&
      sameTags(wanted.tags, other.tags)
    )
  }

  async #find(
    wanted: Wanted,
    records: readonly TagRecord[],
    held: TagRecord[],
    watched: WatchedKey,
  ): Promise<Found> {
    const { shared, events } = this.#parts
    if (shared === undefined) return this.#inMemory(wanted, records)
    if (!shared.up) return this.#offline(wanted, records)
    try {
      return await this.#online(shared, wanted, records, held, watched)
    } catch (error) {
      if (events.active) events.emit({ kind: 'redis-failed', doing: 'read', error })
      // Also what is no failure of Redis, but a defect, is no reason not to load.
      return this.#offline(wanted, records)
    }
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

  async #online(
    shared: SharedLevel,
    wanted: Wanted,
    records: readonly TagRecord[],
    held: TagRecord[],
    watched: WatchedKey,
  ): Promise<Found> {
    const { table, events } = this.#parts
    for (const record of records) {
      if (record.version === undefined && shared.invalidations.isTagPending(record.name)) {
        table.makeLocal(record)
      }
    }
    if (records.some(({ local }) => local) || shared.invalidations.isKeyPending(wanted.name)) {
      return this.#beforeReplay(shared, wanted, records)
    }
    const trusting = !wanted.strong && shared.trusted
    const known = this.#remembered(wanted)
    const all = known === undefined ? records : [...new Set([...records, ...known.records])]
    const read = new TagReads(table, shared, trusting)
    const asking = { loadedMs: performance.now(), period: table.period }
    const [text = null] = await read.readWith([shared.keys.entry(wanted.name)], all)
    const seenId = entryId(text)
    const miss = (): Found => ({
      entry: undefined,
      decoded: undefined,
      level: 'redis',
      seenId,
      records,
      versions: records.map((record) => read.current(record)),
      storable: records.every(({ local }) => !local),
      offline: false,
    })
    if (text === null) return miss()
    if (known !== undefined && known.id === seenId) {
      if (!known.records.every((record, index) => read.current(record) === known.versions[index])) {
        return miss()
      }
      known.period = asking.period
      return { ...miss(), entry: known, level: 'local' }
    }
    const stored = parseEntry(text)
    if (stored === undefined) {
      if (events.active) events.emit({ kind: 'unreadable', key: wanted.name })
      return miss()
    }
    const decoded = await this.#validate(wanted, stored, read, held, asking)
    if (decoded === undefined) return miss()
    const { entry } = decoded
    if (!watched.overtaken) this.#parts.local.set(wanted.name, entry)
    return { ...miss(), entry, decoded }
  }

  /** Something of it waits for Redis: what Redis says is older than that. */
  #beforeReplay(shared: SharedLevel, wanted: Wanted, records: readonly TagRecord[]): Found {
    const entry = this.#remembered(wanted)
    const valid =
      entry !== undefined &&
      !wanted.strong &&
      shared.trusted &&
      !shared.invalidations.isKeyPending(wanted.name) &&
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

  /** Makes an entry of what Redis has, unless something it depends on has changed. */
  async #validate(
    wanted: Wanted,
    stored: StoredEntry,
    read: TagReads,
    held: TagRecord[],
    asking: { readonly loadedMs: number; readonly period: number },
  ): Promise<DecodedEntry | undefined> {
    const { table, shared, entries, events } = this.#parts
    if (stored.codec !== wanted.codec.letter || shared === undefined) return undefined
    for (const epoch of wanted.epochs) if (!stored.tags.includes(epoch)) return undefined
    for (const tag of wanted.tags) if (!stored.tags.includes(tag)) return undefined
    const records = stored.tags.map((name) => table.acquire(name))
    held.push(...records)
    await read.readWith([], records)
    if (!records.every((record, index) => read.current(record) === stored.versions[index])) return undefined
    const decoded = entries.fromStored(stored, records, wanted, shared.nowMs(), asking)
    if (decoded === undefined) {
      if (events.active) events.emit({ kind: 'unreadable', key: wanted.name })
      return undefined
    }
    return usableUntilMs(decoded.entry) > performance.now() ? decoded : undefined
  }
}

/** The tags of one look: what Redis said of them, and what is known without asking. */
class TagReads {
  readonly #table: TagTable
  readonly #shared: SharedLevel
  readonly #trusting: boolean
  readonly #said = new Map<TagRecord, TagVersion | undefined>()

  constructor(table: TagTable, shared: SharedLevel, trusting: boolean) {
    this.#table = table
    this.#shared = shared
    this.#trusting = trusting
  }

  /** Reads keys, and with them those of the tags that have to be asked for. Resolves with the values of the keys. */
  async readWith(
    keys: readonly string[],
    records: readonly TagRecord[],
  ): Promise<readonly (string | null)[]> {
    const wanted: TagRecord[] = []
    const asked: Asked[] = []
    const all = [...keys]
    for (const record of records) {
      if (record.version === undefined && this.#shared.invalidations.isTagPending(record.name)) {
        this.#table.makeLocal(record)
      }
      if (record.local || this.#said.has(record) || (this.#trusting && record.version !== undefined)) continue
      wanted.push(record)
      asked.push(this.#table.ask(record))
      all.push(this.#shared.keys.tag(record.name))
    }
    const replies = await this.#shared.read(all)
    for (const [index, record] of wanted.entries()) {
      const version = replies[keys.length + index] ?? undefined
      this.#said.set(record, version)
      const at = asked[index]
      if (at !== undefined) this.#table.accept(record, version, at)
    }
    return replies
  }

  /**
   * What a tag has now. What is known here goes before what Redis said, because it may have been heard
   * since; without a lease, what Redis said goes before what was known.
   */
  current(record: TagRecord): TagVersion | undefined {
    if (record.local) return record.version
    return this.#trusting ? (record.version ?? this.#said.get(record)) : this.#said.get(record)
  }
}
