import { performance } from 'node:perf_hooks'
import type { CacheEvents } from '../cache-events.js'
import type { SharedLevel } from '../redis/shared-level.js'
import type { TagRecord, TagTable } from '../tags/tag-table.js'
import { versionUs, type TagVersion } from '../tags/tag-version.js'
import type { Load } from './load.js'
import type { LoaderRun } from './loader-run.js'

/** Tags that a loader added; whoever reads them releases their records. */
export interface AddedTags {
  readonly records: readonly TagRecord[]
  readonly versions: readonly (TagVersion | undefined)[]
}

/** What {@link AddedTagReader} works with. */
export interface AddedTagParts {
  readonly table: TagTable
  readonly shared: SharedLevel | undefined
  readonly events: CacheEvents
}

/** Clocks of this process and of Redis agree to half a round trip. */
const clockMarginUs = 1_000_000
/** A message to ourselves is not waited for any longer. */
const echoWithinMs = 1000

/** Finds the versions that tags had before the loader that added them began. */
export class AddedTagReader {
  readonly #parts: AddedTagParts

  constructor(parts: AddedTagParts) {
    this.#parts = parts
  }

  /**
   * The versions of tags that the loader added. They must be from before it began, or nothing may have
   * been said of them since: a tag that was invalidated while the loader ran has a version already that
   * its value is too old for.
   *
   * @returns Undefined where that is not certain.
   */
  async read(load: Load, run: LoaderRun, names: readonly string[]): Promise<AddedTags | undefined> {
    const { table, events } = this.#parts
    const records = names.map((name) => table.acquire(name))
    const heard = (): boolean => names.some((name) => run.heardOf(name))
    let versions: readonly (TagVersion | undefined)[] | undefined
    try {
      if (!heard()) versions = await this.#versionsFromBefore(load, run, records)
    } catch (error) {
      if (events.active) events.emit({ kind: 'redis-failed', doing: 'read tags', error })
    }
    if (versions !== undefined && !heard()) return { records, versions }
    for (const record of records) table.release(record)
    return undefined
  }

  async #versionsFromBefore(
    load: Load,
    run: LoaderRun,
    records: readonly TagRecord[],
  ): Promise<readonly (TagVersion | undefined)[] | undefined> {
    const { table, shared } = this.#parts
    if (shared === undefined) return records.map(({ version }) => version)
    if (!shared.up) return load.offline ? records.map((record) => table.makeLocal(record)) : undefined
    if (load.offline) return undefined
    if (records.some(({ local, name }) => local || shared.invalidations.waiting.isTagPending(name)))
      return undefined
    const unknown = records.filter(
      (record) =>
        !shared.trusted || record.sinceMs >= run.startedMs || shared.mustTouch(record, load.call.usableMs),
    )
    const versions = unknown.length === 0 ? [] : await shared.touch(unknown, load.call.usableMs)
    const startedUs = shared.link.clock.nowUs() - (performance.now() - run.startedMs) * 1000
    const isNew = versions.some((version) => versionUs(version) > startedUs - clockMarginUs)
    // What was said of them before they were read has been heard by then.
    if (isNew && !(shared.trusted && (await shared.invalidations.caughtUp(echoWithinMs)))) return undefined
    const said = new Map(unknown.map((record, index) => [record, versions[index]]))
    return records.map((record) => said.get(record) ?? record.version)
  }
}
