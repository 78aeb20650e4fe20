import type { SharedLevel } from '../redis/shared-level.js'
import type { Asked, TagRecord, TagTable } from '../tags/tag-table.js'
import type { TagVersion } from '../tags/tag-version.js'

/** A tag that Redis is asked for. */
interface Question {
  readonly record: TagRecord
  readonly asked: Asked
}

/** The tags of one look: what Redis said of them, and what is known without asking. */
export class TagReads {
  readonly #table: TagTable
  readonly #shared: SharedLevel
  readonly #trusting: boolean
  #questions: Question[] = []
  #said: Map<TagRecord, TagVersion | undefined> | undefined

  /** @param trusting - What is known here is as good as what Redis would say. */
  constructor(table: TagTable, shared: SharedLevel, trusting: boolean) {
    this.#table = table
    this.#shared = shared
    this.#trusting = trusting
  }

  /**
   * Notes which tags Redis has to be asked for. Their keys are put behind those that are to be read with
   * them; then {@link TagReads.answered}.
   */
  ask(records: readonly TagRecord[], keys: string[], nowMs: number): void {
    for (const record of records) {
      if (record.version !== undefined) {
        if (record.local || (this.#trusting && !this.#table.isDoubtful(record, nowMs))) continue
      } else if (this.#shared.invalidations.waiting.isTagPending(record.name)) {
        this.#table.makeLocal(record)
        continue
      }
      if (this.#said?.has(record) === true) continue
      this.#questions.push({ record, asked: this.#table.ask(record, nowMs) })
      keys.push(this.#shared.keys.tag(record.name))
    }
  }

  /** What Redis said to the questions; the first reply is at this place. */
  answered(replies: readonly (string | null)[], first: number): void {
    if (this.#questions.length === 0) return
    this.#said ??= new Map()
    for (const [index, { record, asked }] of this.#questions.entries()) {
      const version = replies[first + index] ?? undefined
      this.#said.set(record, version)
      this.#table.accept(record, version, asked)
    }
    this.#questions = []
  }

  /**
   * What a tag has now. What is known here goes before what Redis said, because it may have been heard
   * since; without a lease, what Redis said goes before what was known.
   */
  current(record: TagRecord): TagVersion | undefined {
    if (record.local) return record.version
    return this.#trusting ? (record.version ?? this.#said?.get(record)) : this.#said?.get(record)
  }

  /** Whether all of them have these versions now. */
  areCurrent(records: readonly TagRecord[], versions: readonly (TagVersion | undefined)[]): boolean {
    for (let index = 0; index < records.length; index += 1) {
      const record = records[index]
      if (record === undefined || this.current(record) !== versions[index]) return false
    }
    return true
  }
}
