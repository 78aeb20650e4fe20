import {
  isRedisRefused,
  isRedisUnavailable,
  Keyspace,
  type Outcome,
  type RedisClient,
  type RedisLink,
} from '@stayfast/redis-kit'
import { LRUCache } from 'lru-cache'
import {
  InstanceCorruptError,
  InstanceTooLargeError,
  instanceNotWritten,
  instanceUnknown,
} from '../errors.js'
import { checkSize, documentText, type ChangeTexts, type FieldTexts } from '../tenant-instance.js'
import {
  foreignKey,
  patchScript,
  removeScript,
  renewScript,
  replaceScript,
  type StoredRow,
} from './instance-scripts.js'
import { BatchedReads } from './batched-reads.js'
import type { DocumentPage, InstanceStore, PageRequest } from './instance-store.js'
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
}

const kind = 'instance'

/** Whether a renewal worked or not, this process does not try it again for so long. */
const renewAgainMs = 60_000
const renewalsRemembered = 10_000

function withoutRemovals(change: ChangeTexts): FieldTexts {
  return new Map([...change].flatMap(([name, text]) => (text === undefined ? [] : [[name, text] as const])))
}

/** Instances in Redis; the layout of a key stands in instance-scripts.ts. */
export class RedisInstanceStore implements InstanceStore {
  readonly durability = 'redis'
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

  async read(id: string): Promise<string | undefined> {
    const key = this.#key(id)
    const row = await this.#readRow(key)
    if (row.kind === 'foreign') throw new InstanceCorruptError(key)
    if (row.kind === 'missing') return undefined
    if (this.#isRenewalDue(key, row.seenMs)) this.#renew(key)
    return row.json
  }

  async replace(id: string, fields: FieldTexts): Promise<{ created: boolean }> {
    const { ttlSeconds, maxBytes } = this.#options
    checkSize(documentText(id, fields), maxBytes)
    const key = this.#key(id)
    const reply = await this.#write(key, (client) =>
      replaceScript.run(client, [key], [ttlSeconds, JSON.stringify(id), ...[...fields].flat()]),
    )
    if (reply === foreignKey) throw new InstanceCorruptError(key)
    return { created: reply === 1 }
  }

  async patch(id: string, change: ChangeTexts): Promise<string | undefined> {
    const { ttlSeconds, maxBytes } = this.#options
    // The document holds at least what is set here: too much is not even sent.
    checkSize(documentText(id, withoutRemovals(change)), maxBytes)
    const key = this.#key(id)
    const changes = [...change].flatMap(([name, text]) => [name, text ?? ''])
    const reply = await this.#write(key, (client) =>
      patchScript.run(client, [key], [ttlSeconds, JSON.stringify(id), maxBytes, ...changes]),
    )
    if (reply.kind === 'too-large') throw new InstanceTooLargeError(reply.bytes, maxBytes)
    return reply.kind === 'patched' ? reply.json : undefined
  }

  async remove(id: string): Promise<boolean> {
    const key = this.#key(id)
    return (await this.#write(key, (client) => removeScript.run(client, [key], []))) === 1
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

  /** By the clock of Redis: a process whose own clock is wrong must not let instances expire. */
  #isRenewalDue(key: string, seenMs: number): boolean {
    const sinceMs = Math.abs(this.#link.clock.nowUs() / 1000 - seenMs)
    // NaN, where `seen` is missing, is due as well.
    return !(sinceMs < this.#options.renewEverySeconds * 1000) && !this.#renewed.has(key)
  }

  /** Beside the answer, which does not wait for it: a renewal that fails is tried by a later read. */
  #renew(key: string): void {
    this.#renewed.set(key, true)
    this.#link
      .run((client) => renewScript.run(client, [key], [this.#options.ttlSeconds]))
      .catch(() => undefined)
  }

  async #readRow(key: string): Promise<StoredRow> {
    try {
      return await this.#reads.read(key)
    } catch (error) {
      throw this.#explain(error, key, (cause) => instanceUnknown(cause, this.#options.retryAfterSeconds))
    }
  }

  async #write<T>(key: string, work: (client: RedisClient) => Promise<T>): Promise<T> {
    try {
      return await this.#link.run(work)
    } catch (error) {
      throw this.#explain(error, key, (cause, outcome) =>
        instanceNotWritten(cause, outcome, this.#options.retryAfterSeconds),
      )
    }
  }

  #explain(error: unknown, key: string, away: (cause: Error, outcome: Outcome) => Error): unknown {
    if (isRedisUnavailable(error)) return away(error, error.outcome)
    if (isRedisRefused(error)) return away(error, 'not-sent')
    if (error instanceof Error && error.message.includes('WRONGTYPE')) {
      return new InstanceCorruptError(key, { cause: error })
    }
    return error
  }
}
