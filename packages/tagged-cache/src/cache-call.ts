import { isSignal } from './aborting.js'
import { CacheOptionError } from './errors.js'
import type { Codec } from './codec.js'
import type { Wanted } from './lookup/lookup.js'
import { nameOf, type Scope } from './scope.js'
import type { GetOrSetOptions, Loader, StoreOptions } from './tagged-cache.js'

/** What holds where a call says nothing. */
export interface CallDefaults {
  readonly ttlSeconds: number
  readonly staleWhileRevalidateSeconds: number
  readonly staleIfErrorSeconds: number
  readonly negativeTtlSeconds: number
  readonly loaderTimeoutMs: number
  readonly loaderSoftTimeoutMs: number
}

/** One call of getOrSet with everything decided. */
export interface CacheCall extends Wanted {
  /** As the app calls it. */
  readonly key: string
  readonly scope: Scope
  readonly codec: Codec<unknown>
  readonly loader: Loader<unknown>
  readonly lifetimes: StoreTimes
  readonly negativeMs: number | undefined
  /** The longest that what is stored may be used for anything. */
  readonly usableMs: number
  readonly loaderTimeoutMs: number
  readonly loaderSoftTimeoutMs: number
  readonly signal: AbortSignal | undefined
  /** Where there is a stale value one caller waits for the new one; without it the load runs beside the answer. */
  readonly foreground: boolean
}

/** Times as a call gives them; in ms. */
export interface StoreTimes {
  readonly ttlMs: number
  readonly staleMs: number
  readonly errorMs: number
}

const numberOptions: ReadonlyMap<string, { readonly least: number; readonly unit: string }> = new Map([
  ['ttlSeconds', { least: Number.MIN_VALUE, unit: 'seconds of more than 0' }],
  ['staleWhileRevalidateSeconds', { least: 0, unit: 'seconds of at least 0' }],
  ['staleIfErrorSeconds', { least: 0, unit: 'seconds of at least 0' }],
  ['negativeTtlSeconds', { least: 0, unit: 'seconds of at least 0' }],
  ['loaderTimeoutMs', { least: 1, unit: 'milliseconds of at least 1' }],
  ['loaderSoftTimeoutMs', { least: 0, unit: 'milliseconds of at least 0' }],
])
const otherOptions = new Set(['tags', 'consistency', 'signal'])
/** What a timer takes, and what Redis takes as a TTL. */
const mostMs = 2 ** 31 - 1
const mostSeconds = 100 * 365 * 86_400
/** So many are compared with each other more quickly than they are put into a set. */
const fewTags = 8
const noTags: readonly string[] = []

/** @throws STAY_CACHE_OPTION_INVALID; what is misspelt would be ignored in silence. */
export function checkCallOptions(options: object): void {
  for (const name of Object.keys(options)) {
    const value: unknown = Reflect.get(options, name)
    if (value === undefined) continue
    const rule = numberOptions.get(name)
    if (rule !== undefined) {
      const most = name.endsWith('Ms') ? mostMs : mostSeconds
      if (typeof value !== 'number' || !(value >= rule.least) || value > most) {
        throw new CacheOptionError(`${name} takes ${rule.unit}, at most ${most}.`)
      }
    } else if (!otherOptions.has(name)) {
      const known = [...numberOptions.keys(), ...otherOptions].join(', ')
      throw new CacheOptionError(`A call to the cache has no option "${name}". There are ${known}.`)
    } else if (name === 'consistency' && value !== 'local' && value !== 'strong') {
      throw new CacheOptionError("consistency takes 'local' or 'strong'.")
    } else if (name === 'signal' && !isSignal(value)) {
      throw new CacheOptionError('signal takes an AbortSignal.')
    }
  }
}

/** @throws STAY_CACHE_OPTION_INVALID for what is no list: the letters of a text would be taken for tags. */
export function listedTags(tags: readonly string[]): readonly string[] {
  const isList: boolean = Array.isArray(tags)
  if (isList) return tags
  throw new CacheOptionError('tags takes a list of texts.')
}

/** The tags of a call by their names in the whole cache, each once. */
export function tagNames(scope: Scope, tags: readonly string[]): readonly string[] {
  if (listedTags(tags).length === 0) return noTags
  const names = tags.map((tag) => scope.nameOf(nameOf('tag', tag)))
  if (names.length < fewTags && names.every((name, index) => names.indexOf(name) === index)) return names
  return [...new Set(names)]
}

export function storeTimes(options: StoreOptions, defaults: CallDefaults): StoreTimes {
  return {
    ttlMs: 1000 * (options.ttlSeconds ?? defaults.ttlSeconds),
    staleMs: 1000 * (options.staleWhileRevalidateSeconds ?? defaults.staleWhileRevalidateSeconds),
    errorMs: 1000 * (options.staleIfErrorSeconds ?? defaults.staleIfErrorSeconds),
  }
}

/** The longest that a value with these times may be used for anything. */
export function usableMsOf({ ttlMs, staleMs, errorMs }: StoreTimes, negativeMs = 0): number {
  return Math.max(ttlMs + Math.max(staleMs, errorMs), negativeMs)
}

/** @throws STAY_CACHE_KEY_INVALID, STAY_CACHE_OPTION_INVALID */
export function cacheCall(
  scope: Scope,
  key: string,
  loader: Loader<unknown>,
  options: GetOrSetOptions,
  defaults: CallDefaults,
  codec: Codec<unknown>,
  foreground = false,
): CacheCall {
  checkCallOptions(options)
  if (typeof loader !== 'function')
    throw new CacheOptionError('getOrSet takes a loader, which is a function.')
  const negativeMs = 1000 * (options.negativeTtlSeconds ?? defaults.negativeTtlSeconds)
  const lifetimes = storeTimes(options, defaults)
  return {
    name: scope.nameOf(nameOf('key', key)),
    key,
    scope,
    epochs: scope.epochs,
    tags: tagNames(scope, options.tags ?? noTags),
    strong: options.consistency === 'strong',
    codec,
    loader,
    lifetimes,
    negativeMs: negativeMs > 0 ? negativeMs : undefined,
    usableMs: usableMsOf(lifetimes, negativeMs),
    loaderTimeoutMs: options.loaderTimeoutMs ?? defaults.loaderTimeoutMs,
    loaderSoftTimeoutMs: options.loaderSoftTimeoutMs ?? defaults.loaderSoftTimeoutMs,
    signal: options.signal,
    foreground,
  }
}
