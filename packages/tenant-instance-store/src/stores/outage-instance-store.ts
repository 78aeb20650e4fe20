import {
  Bus,
  LocalCopies,
  Outbox,
  StampSource,
  type Intent,
  type OutboxLogger,
  type RedisLink,
} from '@stayfast/redis-kit'
import { instanceNotWritten, instanceUnknown, isAwayError } from '../errors.js'
import { checkSize, documentText, fieldsOfDocument, type FieldTexts } from '../tenant-instance.js'
import { HeldElsewhere } from './held-elsewhere.js'
import { applyOperation, type InstanceOperation } from './instance-operation.js'
import type { DocumentPage, InstanceStore, PageRequest, WriteResult } from './instance-store.js'
import {
  RedisInstanceStore,
  type RedisInstanceStoreOptions,
  type StoredDocument,
} from './redis-instance-store.js'

/** Options of {@link OutageInstanceStore}. */
export interface OutageInstanceStoreOptions extends Omit<RedisInstanceStoreOptions, 'announce'> {
  /** `'buffer'`: writes are accepted while Redis is away and done when it is back. `'reject'`: they are refused. */
  readonly onOutage: 'buffer' | 'reject'
  /** Answer from memory what no process has changed, without a command. */
  readonly answerFromMemory: boolean
  /** Instances that this process remembers, for speed and for outages. */
  readonly maxLocalInstances: number
  /** Writes that may wait for Redis. */
  readonly maxBufferedWrites: number
  /** The app's own record of an instance, asked when Redis has none or cannot be asked. */
  readonly load?: ((id: string) => Promise<FieldTexts | undefined>) | undefined
  readonly logger: OutboxLogger
}

/** What this process remembers of an instance. */
type Remembered = StoredDocument

/** A write is given up with the link's deadline; Redis is told not to do it later than this. */
const writeWithinMs = 1000

/**
 * Instances in Redis, remembered in this process, so that what is known stays known while Redis is
 * away, and what is accepted meanwhile is done when it is back.
 *
 * ```
 *   read:   pending here ──► what Redis said last, with the pending operations done to it
 *           fresh copy   ──► the copy (no command)
 *           link up      ──► Redis; its word alone is "there is none", unless another process holds a write
 *           otherwise    ──► the copy, however old ─► load() ─► 503
 *
 *   write:  nothing pending and link up ──► Redis ──► acknowledged: 'redis'
 *                                             └─ no answer, or refused ─┐
 *           otherwise ─────────────────────────────────────────────────┴─► outbox: 'buffered'
 * ```
 */
export class OutageInstanceStore implements InstanceStore {
  readonly #options: OutageInstanceStoreOptions
  readonly #link: RedisLink
  readonly #redis: RedisInstanceStore
  readonly #bus: Bus | undefined
  readonly #copies: LocalCopies<Remembered>
  readonly #heldElsewhere: HeldElsewhere
  readonly #outbox: Outbox<InstanceOperation>
  readonly #stamps: StampSource
  readonly #stopRepairing: () => void
  #closed = false

  constructor(options: OutageInstanceStoreOptions) {
    const { link, keyPrefix, logger } = options
    this.#options = options
    this.#link = link
    this.#stamps = new StampSource(link.clock)
    const bus = options.answerFromMemory ? new Bus({ link }) : undefined
    const topic = `instances:${keyPrefix}`
    this.#bus = bus
    this.#copies = new LocalCopies({ bus, topic, maxEntries: options.maxLocalInstances })
    this.#heldElsewhere = new HeldElsewhere({
      bus,
      link,
      topic: `held-${topic}`,
      maxEntries: options.maxLocalInstances,
    })
    this.#redis = new RedisInstanceStore({
      ...options,
      ...(bus === undefined ? {} : { announce: (id: string) => this.#copies.announcement(id) }),
    })
    this.#outbox = new Outbox({
      name: 'tenant-instance-store',
      link,
      limit: options.maxBufferedWrites,
      logger,
      replay: (client, id, intents) => this.#replay(client, id, intents),
    })
    this.#stopRepairing = link.onRenewed(() => {
      this.#outbox.repair()
    })
  }

  /** Writes that wait for Redis. */
  get buffered(): number {
    return this.#outbox.size
  }

  /** Writes that were accepted and can never be done. */
  get quarantined(): number {
    return this.#outbox.quarantinedCount
  }

  /** Instances that this process remembers. */
  get remembered(): number {
    return this.#copies.size
  }

  async read(id: string): Promise<string | undefined> {
    const pending = this.#outbox.pending(id)
    if (pending.length > 0) return this.#overlay(id, pending)
    const fresh = this.#copies.fresh(id)
    if (fresh !== undefined) {
      this.#redis.used(id, fresh.seenMs)
      return fresh.json
    }
    const json = await this.#ask(id)
    if (json === undefined) this.#mustNotBeHeld(id)
    return json
  }

  async write(id: string, operation: InstanceOperation): Promise<WriteResult> {
    const result = await this.#write(id, operation)
    if (result.document === undefined && operation.kind === 'patch') this.#mustNotBeHeld(id)
    return result
  }

  page(request: PageRequest): Promise<DocumentPage> {
    return this.#redis.page(request)
  }

  /**
   * Leaves the bus and tries to get rid of what waits.
   *
   * @returns How many accepted writes are lost with this process.
   */
  async close(flushWithinMs: number): Promise<number> {
    await this.#outbox.flush(this.#link.status === 'up' ? flushWithinMs : 0)
    this.#closed = true
    this.#stopRepairing()
    this.#outbox.close()
    this.#heldElsewhere.close()
    this.#copies.close()
    await this.#bus?.close()
    return this.#outbox.size
  }

  async #ask(id: string): Promise<string | undefined> {
    const read = this.#copies.begin(id)
    try {
      const stored = await this.#redis.read(id)
      this.#copies.keep(read, stored)
      if (stored !== undefined) this.#heldElsewhere.forget(id)
      return stored?.json ?? (await this.#adopt(id))
    } catch (error) {
      this.#copies.drop(read)
      if (!isAwayError(error)) throw error
      return this.#readWithoutRedis(id, error)
    }
  }

  async #write(id: string, operation: InstanceOperation): Promise<WriteResult> {
    const buffering = this.#options.onOutage === 'buffer'
    if (buffering && (this.#outbox.pending(id).length > 0 || this.#link.status !== 'up')) {
      return this.#buffer(id, operation, 0)
    }
    const untilUs = this.#link.clock.known ? this.#link.clock.nowUs() + writeWithinMs * 1000 : undefined
    try {
      const { existed, json, stamp } = await this.#redis.apply(id, operation, untilUs)
      this.#copies.wrote(id, json === undefined ? undefined : { json, seenMs: Number.NaN })
      if (existed || json !== undefined) this.#outbox.acknowledged(id, { operation, stamp })
      return { durability: 'redis', existed, document: json }
    } catch (error) {
      if (!buffering || !isAwayError(error)) throw error
      // What was given up may still run until then: what waits here must be newer.
      return this.#buffer(id, operation, untilUs ?? 0)
    }
  }

  #mustNotBeHeld(id: string): void {
    if (!this.#heldElsewhere.has(id)) return
    throw instanceUnknown(new Error('another process holds a write to it'), this.#options.retryAfterSeconds)
  }

  async #readWithoutRedis(id: string, away: Error): Promise<string> {
    const copy = this.#copies.stale(id)
    if (copy !== undefined) return copy.value.json
    const loaded = await this.#options.load?.(id)
    if (loaded !== undefined) return documentText(id, loaded)
    throw away
  }

  /** Redis knows no such instance; the app may. What it says is kept where nobody else has written since. */
  async #adopt(id: string): Promise<string | undefined> {
    const fields = await this.#options.load?.(id)
    if (fields === undefined) return undefined
    const { document } = await this.write(id, { kind: 'create', fields })
    return document ?? documentText(id, fields)
  }

  #buffer(id: string, wanted: InstanceOperation, afterUs: number): WriteResult {
    // Nobody would replay it any more: what is accepted now would be lost, and counted by nobody.
    if (this.#closed) {
      const cause = new Error('the store is closed')
      throw instanceNotWritten(cause, 'not-sent', this.#options.retryAfterSeconds)
    }
    const pending = this.#outbox.pending(id)
    const before = this.#fold(id, pending)
    if (before === 'unknown' && wanted.kind === 'patch') {
      throw instanceUnknown(new Error('it is not known in this process'), this.#options.retryAfterSeconds)
    }
    const known = before === 'unknown' ? undefined : before
    const existed = known !== undefined
    if (!existed && wanted.kind === 'patch') return { durability: 'buffered', existed, document: undefined }
    const operation: InstanceOperation =
      wanted.kind === 'replace' && before === 'unknown' ? { ...wanted, kind: 'upsert' } : wanted
    const after = applyOperation(known, operation)
    const document = after === undefined ? undefined : documentText(id, after)
    if (document !== undefined) checkSize(document, this.#options.maxBytes)
    this.#accept(id, { operation, stamp: this.#stamps.next(afterUs) })
    if (operation.kind !== 'patch') {
      this.#heldElsewhere.tell(id, operation.kind === 'remove' ? 'removed' : 'accepted')
    }
    return { durability: 'buffered', existed, document }
  }

  #accept(id: string, intent: Intent<InstanceOperation>): void {
    try {
      this.#outbox.add(id, intent)
    } catch (error) {
      const cause = error instanceof Error ? error : new Error(String(error))
      throw instanceNotWritten(cause, 'not-sent', this.#options.retryAfterSeconds)
    }
  }

  #overlay(id: string, pending: readonly Intent<InstanceOperation>[]): string | undefined {
    const fields = this.#fold(id, pending)
    if (fields === 'unknown') {
      throw instanceUnknown(new Error('only a change to it is known'), this.#options.retryAfterSeconds)
    }
    return fields === undefined ? undefined : documentText(id, fields)
  }

  /** What is known here, with what waits done to it. */
  #fold(id: string, pending: readonly Intent<InstanceOperation>[]): FieldTexts | undefined | 'unknown' {
    const copy = this.#copies.stale(id)
    let fields: FieldTexts | undefined | 'unknown' =
      copy === undefined ? 'unknown' : fieldsOfDocument(copy.value.json)
    for (const { operation } of pending) {
      if (fields !== 'unknown') fields = applyOperation(fields, operation)
      else if (operation.kind !== 'patch') fields = applyOperation(undefined, operation)
    }
    return fields
  }

  async #replay(
    client: Parameters<RedisInstanceStore['replay']>[0],
    id: string,
    intents: readonly Intent<InstanceOperation>[],
  ): Promise<void> {
    const { json } = await this.#redis.replay(client, id, intents)
    this.#copies.wrote(id, json === undefined ? undefined : { json, seenMs: Number.NaN })
  }
}
