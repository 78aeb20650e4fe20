import { TurnBatch, type RedisClient, type RedisLink } from '@stayfast/redis-kit'
import type { TagRecord } from '../tags/tag-table.js'
import { nonce, type TagVersion } from '../tags/tag-version.js'
import type { CacheKeys } from './cache-keys.js'
import { commitScript, holdLockScript, lockScript, type CommitReply } from './lock-scripts.js'
import { LockRequests, type LockOutcome, type LockRequest } from './lock-requests.js'

/** A value that was loaded. */
interface Commit {
  readonly entry: string
  readonly lock: string
  /** Empty where there is no lock. */
  readonly token: string
  readonly text: string
  readonly ttlMs: number
}

/** Somebody who wants to load a value. */
export interface LockWanted {
  readonly name: string
  /** Of the entry that was seen. */
  readonly seenId: string
  readonly token: string
  readonly records: readonly TagRecord[]
  /** What the tags have, as read before; looked at on a Cluster alone. */
  readonly versions: readonly TagVersion[]
  readonly tagTtlMs: number
}

/** How {@link Locks} work. */
export interface LocksOptions {
  readonly link: RedisLink
  readonly keys: CacheKeys
  readonly lockTtlMs: number
  /** Redis did not take what was loaded. */
  readonly onNotStored: (error: unknown) => void
}

const locksPerCommand = 100
/** Letters: what a script is given lies in the server's memory several times over. */
const lettersPerCommand = 262_144

/**
 * The rights to load a key, one for all processes, and what is stored by them. What is asked for in one turn
 * of the event loop shares a command. On a Cluster each key goes alone, because a script has keys of one slot.
 */
export class Locks {
  readonly #link: RedisLink
  readonly #keys: CacheKeys
  readonly #lockTtlMs: number
  readonly #onNotStored: (error: unknown) => void
  readonly #requests: TurnBatch<LockRequest, LockOutcome>
  readonly #commits: TurnBatch<Commit, CommitReply>

  constructor({ link, keys, lockTtlMs, onNotStored }: LocksOptions) {
    this.#onNotStored = onNotStored
    this.#link = link
    this.#keys = keys
    this.#lockTtlMs = lockTtlMs
    const { cluster } = link.traits
    this.#requests = new TurnBatch({
      send: (requests) => this.#take(requests),
      maxWeight: cluster ? 0 : locksPerCommand,
    })
    this.#commits = new TurnBatch({
      send: (commits) => this.#storeOrTell(commits),
      maxWeight: cluster ? 0 : lettersPerCommand,
      patient: true,
    })
  }

  /** @throws What the link throws. */
  async take(wanted: LockWanted): Promise<LockOutcome> {
    const { name, seenId, token, records, versions, tagTtlMs } = wanted
    const entry = this.#keys.entry(name)
    const lock = this.#keys.lock(entry)
    if (this.#link.traits.cluster) return this.#takeAlone(entry, lock, seenId, token, versions)
    const tags = records.map((record) => this.#keys.tag(record.name))
    const { replies, first } = this.#requests.add([{ entry, lock, seenId, token, tags, tagTtlMs }], 1)
    return (await replies)[first] ?? { kind: 'failed', versions: [] }
  }

  /** @param forMs - 0 gives the lock back. */
  hold(name: string, token: string, forMs: number): Promise<boolean> {
    const lock = this.#keys.lock(this.#keys.entry(name))
    return this.#run((client) => holdLockScript.run(client, [lock], [token, forMs]))
  }

  /**
   * Stores what was loaded, beside the answer, which does not wait for it.
   *
   * @param token - Of the lock; without one it is stored whoever else loads.
   */
  commit(name: string, token: string | undefined, text: string, ttlMs: number): void {
    const entry = this.#keys.entry(name)
    // A script is given keys in pairs; without a token it does not look at the second.
    const lock = token === undefined ? entry : this.#keys.lock(entry)
    this.#commits.add([{ entry, lock, token: token ?? '', text, ttlMs }], text.length)
  }

  /** What is written by other commands from now on comes behind what was committed. */
  flush(): void {
    this.#commits.flush()
  }

  /** Resolves when what was committed by now has been stored, or could not be. */
  settled(): Promise<void> {
    return this.#commits.settled()
  }

  async #takeAlone(
    entry: string,
    lock: string,
    seenId: string,
    token: string,
    versions: readonly TagVersion[],
  ): Promise<LockOutcome> {
    // The tags lie in other slots, and were made before.
    const args = [0, this.#lockTtlMs, nonce(), 0, seenId, token, versions.join(' ')]
    const { kinds } = await this.#run((client) => lockScript.run(client, [entry, lock], args))
    return { kind: kinds[0] ?? 'failed', versions }
  }

  async #take(requests: readonly LockRequest[]): Promise<readonly LockOutcome[]> {
    const all = new LockRequests(requests, nonce(), this.#lockTtlMs)
    return all.outcomes(await this.#run((client) => lockScript.run(client, all.keys, all.args)))
  }

  async #storeOrTell(commits: readonly Commit[]): Promise<readonly CommitReply[]> {
    try {
      const replies = await this.#store(commits)
      for (const reply of replies) if (reply instanceof Error) this.#onNotStored(reply)
      return replies
    } catch (error) {
      this.#onNotStored(error)
      return []
    }
  }

  async #store(commits: readonly Commit[]): Promise<readonly CommitReply[]> {
    const [first] = commits
    if (first === undefined) return []
    if (commits.length === 1 && first.token === '') {
      await this.#run((client) => client.call('SET', first.entry, first.text, 'PX', first.ttlMs))
      return [true]
    }
    const keys: string[] = []
    const args: (string | number)[] = []
    for (const { entry, lock, token, text, ttlMs } of commits) {
      keys.push(entry, lock)
      args.push(token, text, ttlMs)
    }
    return this.#run((client) => commitScript.run(client, keys, args))
  }

  #run<T>(work: (client: RedisClient) => Promise<T>): Promise<T> {
    return this.#link.run(work)
  }
}
