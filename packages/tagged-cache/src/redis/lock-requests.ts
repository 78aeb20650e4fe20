import type { RedisArgument } from '@stayfast/redis-kit'
import type { TagVersion } from '../tags/tag-version.js'
import type { LockKind, LockReply } from './lock-scripts.js'

/** Somebody who wants to load a key. Names are keys in Redis. */
export interface LockRequest {
  readonly entry: string
  readonly lock: string
  /** Of the entry that was seen. */
  readonly seenId: string
  readonly token: string
  readonly tags: readonly string[]
  readonly tagTtlMs: number
}

/** What became of it. */
export interface LockOutcome {
  readonly kind: LockKind
  /** Of its tags, in their order. */
  readonly versions: readonly (TagVersion | undefined)[]
}

/** Several requests as one call of the script: those of one turn mostly have the same tags. */
export class LockRequests {
  readonly keys: readonly string[]
  readonly args: readonly RedisArgument[]
  readonly #places: readonly (readonly number[])[]

  constructor(requests: readonly LockRequest[], nonce: string, lockTtlMs: number) {
    const placeOf = new Map<string, number>()
    const place = (tag: string): number => {
      const known = placeOf.get(tag)
      if (known !== undefined) return known
      placeOf.set(tag, placeOf.size + 1)
      return placeOf.size
    }
    this.#places = requests.map(({ tags }) => tags.map(place))
    const keys = [...placeOf.keys()]
    // A tag may live for longer than it has to.
    const tagTtlMs = Math.max(...requests.map((request) => request.tagTtlMs))
    const args: RedisArgument[] = [placeOf.size, lockTtlMs, nonce, tagTtlMs]
    for (const [index, { entry, lock, seenId, token }] of requests.entries()) {
      keys.push(entry, lock)
      args.push(seenId, token, this.#places[index]?.join(' ') ?? '')
    }
    this.keys = keys
    this.args = args
  }

  outcomes({ versions, kinds }: LockReply): readonly LockOutcome[] {
    return this.#places.map((places, index) => ({
      kind: kinds[index] ?? 'failed',
      versions: places.map((place) => versions[place - 1]),
    }))
  }
}
