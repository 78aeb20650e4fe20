import { channel, type Channel } from 'node:diagnostics_channel'

/** What happens in a cache. Names are those of the whole cache; values are never told. */
export type CacheEvent =
  | { readonly kind: 'hit'; readonly key: string; readonly level: 'local' | 'redis'; readonly stale: boolean }
  | { readonly kind: 'miss'; readonly key: string; readonly coalesced: boolean }
  | { readonly kind: 'load'; readonly key: string; readonly tookMs: number }
  | { readonly kind: 'load-failed'; readonly key: string; readonly error: unknown; readonly covered: boolean }
  | { readonly kind: 'set'; readonly key: string; readonly bytes: number }
  | { readonly kind: 'not-stored'; readonly key: string; readonly reason: NotStoredReason }
  | { readonly kind: 'unreadable'; readonly key: string }
  | { readonly kind: 'delete'; readonly key: string }
  | { readonly kind: 'invalidate'; readonly tags: readonly string[]; readonly delivered: boolean }
  | { readonly kind: 'evict'; readonly key: string }
  | { readonly kind: 'redis-failed'; readonly doing: string; readonly error: unknown }

/** Why a loaded value was given to those who waited and not kept. */
export type NotStoredReason = 'asked' | 'invalidated' | 'overtaken' | 'too-large' | 'nothing' | 'late-tag'

/** Subscribe to it with `node:diagnostics_channel`; nothing is made or called while nobody does. */
export const cacheChannel: Channel = channel('stayfast.tagged-cache')

/** Tells events to whoever wants to know, and costs a look at two fields when nobody does. */
export class CacheEvents {
  /** Told beside the channel, such as a logger at level debug. */
  observer: ((event: CacheEvent) => void) | undefined

  get active(): boolean {
    return this.observer !== undefined || cacheChannel.hasSubscribers
  }

  /** Ask {@link CacheEvents.active} first where it happens often. */
  emit(event: CacheEvent): void {
    this.observer?.(event)
    if (cacheChannel.hasSubscribers) cacheChannel.publish(event)
  }
}
