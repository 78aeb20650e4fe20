import {
  isRedisRefused,
  isRedisUnavailable,
  Keyspace,
  RedisUnavailableError,
  type Intent,
  type RedisClient,
  type RedisLink,
  type Stamp,
} from '@stayfast/redis-kit'
import { LRUCache } from 'lru-cache'
import {
  InstanceCorruptError,
  InstanceTooLargeError,
  instanceNotWritten,
  instanceUnknown,
  type AwayError,
} from '../errors.js'
import { checkSize, documentText } from '../tenant-instance.js'
import { BatchedReads } from './batched-reads.js'
import { withoutRemovals, type InstanceOperation } from './instance-operation.js'
import { applyScript, renewScript, type ApplyReply, type StoredRow } from './instance-scripts.js'
import type { DocumentPage, PageRequest } from './instance-store.js'
import { scanKeys } from './key-scan.js'

/** Options of {@link RedisInstanceStore}. */
export interface RedisInstanceStoreOptions {
  readonly link: RedisLink
  /** Stands behind the link's own prefix. */
  readonly keyPrefix: string
  readonly ttlSeconds: number
  readonly renewEverySeconds: number
  readonly maxBytes: number
  /** What errors advise while Redis is away. */
  readonly retryAfterSeconds: number
  /** What other processes are told of a write, in the same command. */
  readonly announce?: (id: string) => Announcement
}

/** A message for each of the two things that can have happened to an instance. */
export interface Announcement {
  readonly channel: string
  readonly changed: string
  readonly removed: string
}

/** A document as Redis has it. */
export interface StoredDocument {
  readonly json: string
  /** When its TTL was renewed, in ms of Redis' clock. */
  readonly seenMs: number
}

/** An operation that Redis has acknowledged. */
export interface AppliedOperation {
  readonly existed: boolean
  readonly json: string | undefined
  readonly stamp: Stamp
}

/** What an operation that waited for Redis brings along. */
type Waiting = Intent<InstanceOperation>

const kind = 'instance'
const nobody: Announcement = { channel: '', changed: '', removed: '' }

/** Whether a renewal worked or not, this process does not try it again for so long. */
const renewAgainMs = 60_000
const renewalsRemembered = 10_000

function operationArguments(operation: InstanceOperation, stamp: Stamp): (string | number)[] {
  const fields = operation.kind === 'remove' ? [] : [...operation.fields]
  return [operation.kind, stamp, fields.length, ...fields.flatMap(([name, text]) => [name, text ?? ''])]
}

/** Instances in Redis, and nowhere else; the layout of a key stands in apply-lua.ts. */
export class RedisInstanceStore {
  readonly #options: RedisInstanceStoreOptions
  readonly #link: RedisLink
  readonly #keyspace: Keyspace
  readonly #reads: BatchedReads
  readonly #renewed = new LRUCache<string, true>({ max: renewalsRemembered, ttl: renewAgainMs })

  constructor(options: RedisInstanceStoreOptions) {
    this.#options = options
    this.#link = options.link
    this.#reads = new BatchedReads(options.link)
    this.#keyspace = new Keyspace(() => options.link.keyPrefix + options.keyPrefix)
  }

  /** @throws STAY_INSTANCE_UNKNOWN, STAY_INSTANCE_CORRUPT */
  async read(id: string): Promise<StoredDocument | undefined> {
    const key = this.#key(id)
    const row = await this.#readRow(key)
    if (row.kind === 'foreign') throw new InstanceCorruptError(key)
    if (row.kind === 'missing') return undefined
    this.used(id, row.seenMs)
    return row
  }

  /** Renews the TTL of an instance that is in use, beside the answer, which does not wait for it. */
  used(id: string, seenMs: number): void {
    const key = this.#key(id)
    if (!this.#isRenewalDue(key, seenMs)) return
    this.#renewed.set(key, true)
    // A renewal that fails is tried by a later read.
    this.#link
      .run((client) => renewScript.run(client, [key], [this.#options.ttlSeconds]))
      .catch(() => undefined)
  }

  /**
   * Does an operation now, or never: when Redis gets to it after `untilUs` it does nothing.
   *
   * @throws STAY_INSTANCE_NOT_WRITTEN, STAY_INSTANCE_TOO_LARGE, STAY_INSTANCE_CORRUPT
   */
  async apply(id: string, operation: InstanceOperation, untilUs?: number): Promise<AppliedOperation> {
    const { maxBytes } = this.#options
    // The document holds at least what is set here: too much is not even sent.
    if (operation.kind !== 'remove') checkSize(documentText(id, withoutRemovals(operation.fields)), maxBytes)
    const key = this.#key(id)
    try {
      const reply = await this.#link.run((client) =>
        this.#apply(client, id, operationArguments(operation, ''), untilUs),
      )
      return this.#applied(key, reply)
    } catch (error) {
      throw this.#explain(error, key, (cause) => {
        const outcome = isRedisUnavailable(cause) ? cause.outcome : 'not-sent'
        return instanceNotWritten(cause, outcome, this.#options.retryAfterSeconds)
      })
    }
  }

  /** Does operations that waited for Redis, with the stamps they were accepted with. Throws what the link throws. */
  async replay(client: RedisClient, id: string, intents: readonly Waiting[]): Promise<AppliedOperation> {
    const args = intents.flatMap(({ operation, stamp }) => operationArguments(operation, stamp))
    return this.#applied(this.#key(id), await this.#apply(client, id, args))
  }

  async page(request: PageRequest): Promise<DocumentPage> {
    const pattern = this.#keyspace.pattern(kind)
    try {
      const { keys, cursor } = await scanKeys(this.#link, pattern, request)
      const rows = await this.#reads.readAll(keys)
      return { documents: rows.flatMap((row) => (row.kind === 'document' ? row.json : [])), cursor }
    } catch (error) {
      throw this.#explain(error, pattern, (cause) => instanceUnknown(cause, this.#options.retryAfterSeconds))
    }
  }

  #key(id: string): string {
    return this.#keyspace.key(kind, id)
  }

  #apply(
    client: RedisClient,
    id: string,
    operations: readonly (string | number)[],
    untilUs?: number,
  ): Promise<ApplyReply> {
    const { ttlSeconds, maxBytes, announce } = this.#options
    const { channel, changed, removed } = announce?.(id) ?? nobody
    return applyScript.run(
      client,
      [this.#key(id)],
      [ttlSeconds, JSON.stringify(id), maxBytes, untilUs ?? '', channel, changed, removed, ...operations],
    )
  }

  #applied(key: string, reply: ApplyReply): AppliedOperation {
    switch (reply.kind) {
      case 'applied':
        return reply
      case 'too-large':
        throw new InstanceTooLargeError(reply.bytes, this.#options.maxBytes)
      case 'foreign':
        throw new InstanceCorruptError(key)
      case 'late':
        throw new RedisUnavailableError(
          'Redis got to the write after it had been given up, and left it undone.',
          {
            outcome: 'not-sent',
            status: this.#link.status,
          },
        )
    }
  }

  /** By the clock of Redis: a process whose own clock is wrong must not let instances expire. */
  #isRenewalDue(key: string, seenMs: number): boolean {
    const sinceMs = Math.abs(this.#link.clock.nowUs() / 1000 - seenMs)
    // NaN, where `seen` is missing, is due as well.
    return !(sinceMs < this.#options.renewEverySeconds * 1000) && !this.#renewed.has(key)
  }

  async #readRow(key: string): Promise<StoredRow> {
    try {
      return await this.#reads.read(key)
    } catch (error) {
      throw this.#explain(error, key, (cause) => instanceUnknown(cause, this.#options.retryAfterSeconds))
    }
  }

  #explain(error: unknown, key: string, away: (cause: Error) => AwayError): unknown {
    if (isRedisUnavailable(error) || isRedisRefused(error)) return away(error)
    if (error instanceof Error && error.message.includes('WRONGTYPE')) {
      return new InstanceCorruptError(key, { cause: error })
    }
    return error
  }
}
