import { openLink } from '@stayfast/link-test-kit'
import type { ClientLinkOptions, RedisLink } from '@stayfast/redis-kit'
import { eventually } from '@stayfast/test-kit'
import { CacheEngine, type CacheEngineOptions } from '../dist/cache-engine.js'
import type { CacheEvent } from '../dist/cache-events.js'
import { rootScope } from '../dist/scope.js'
import { ScopedCache } from '../dist/scoped-cache.js'
import type { TaggedCache } from '../dist/tagged-cache.js'

interface Teardown {
  teardown(fn: () => Promise<void>): void
}

export type EngineSettings = Partial<Omit<CacheEngineOptions, 'link' | 'logger'>>

/** What holds in tests where nothing else is said: no chance, no surprise. */
export const settings: Omit<CacheEngineOptions, 'link'> = {
  keyPrefix: '',
  ttlSeconds: 3600,
  staleWhileRevalidateSeconds: 0,
  staleIfErrorSeconds: 0,
  negativeTtlSeconds: 0,
  loaderTimeoutMs: 30_000,
  loaderSoftTimeoutMs: 0,
  lock: true,
  lockTtlMs: 5000,
  lockWaitMs: 30_000,
  maxEntryBytes: 1_048_576,
  jitter: 0,
  maxLocalEntries: 10_000,
  maxLocalBytes: 64 * 1_048_576,
  outageStaleSeconds: 30,
  earlyRefresh: 0,
  returns: 'frozen',
  maxBufferedInvalidations: 10_000,
  logger: { info: () => undefined, error: () => undefined },
}

/** A process with a cache, as far as Redis can tell. */
export interface CacheProcess {
  readonly engine: CacheEngine
  readonly cache: TaggedCache
  readonly events: CacheEvent[]
}

export interface LinkedProcess extends CacheProcess {
  readonly link: RedisLink
}

/** A cache over this link, or in memory. */
export function openCache(
  t: Teardown,
  link: RedisLink | undefined,
  options: EngineSettings = {},
): CacheProcess {
  const engine = new CacheEngine({ ...settings, ...options, link })
  t.teardown(async () => {
    await engine.close(0)
  })
  const events: CacheEvent[] = []
  engine.events.observer = (event) => {
    events.push(event)
  }
  return { engine, cache: new ScopedCache(() => engine, rootScope), events }
}

/** A process of its own, with a link of its own, that may answer from memory. */
export async function openProcess(
  t: Teardown,
  url: string,
  options: EngineSettings = {},
  linkOptions: Partial<ClientLinkOptions> = {},
): Promise<LinkedProcess> {
  const link = await openLink(t, url, linkOptions)
  const process = openCache(t, link, options)
  await coherent([process])
  return { ...process, link }
}

/** Resolves when all of them may answer from memory, and each knows of the others. */
export async function coherent(processes: readonly CacheProcess[]): Promise<void> {
  await eventually(
    () =>
      processes.every(({ engine: { shared } }) => shared?.trusted === true) &&
      processes.every(({ engine: { shared } }) => (shared?.bus.members ?? 0) >= processes.length),
    { withinMs: 15_000 },
  )
}

/** A loader that counts its calls and can be held. */
export class CountedLoader<Value> {
  calls = 0
  value: Value
  #hold: Promise<void> | undefined
  #release: () => void = () => undefined
  #begun: () => void = () => undefined

  constructor(value: Value) {
    this.value = value
  }

  /** The loads from now on read their value, and then wait for {@link CountedLoader.release}. */
  hold(): void {
    this.#hold = new Promise((resolve) => {
      this.#release = resolve
    })
  }

  release(): void {
    this.#hold = undefined
    this.#release()
  }

  /** Resolves when the next load has read its value. */
  begun(): Promise<void> {
    return new Promise((resolve) => {
      this.#begun = resolve
    })
  }

  readonly load = async (): Promise<Value> => {
    this.calls += 1
    const { value } = this
    this.#begun()
    await this.#hold
    return value
  }
}
