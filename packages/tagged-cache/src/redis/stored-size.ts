import type { RedisClient, RedisLink } from '@stayfast/redis-kit'
import { performance } from 'node:perf_hooks'
import type { StoredSize } from '../cache-stats.js'
import type { CacheKeys } from './cache-keys.js'

/** One look in this time, whoever asks. */
const lookAgainMs = 60_000
const keysPerStep = 1000
/** Then the rest is reckoned from what was seen. */
const mostSteps = 50

interface ClusterClient extends RedisClient {
  nodes(role: 'master'): RedisClient[]
}

function isClusterClient(client: RedisClient): client is ClusterClient {
  return 'nodes' in client && typeof client.nodes === 'function'
}

/** How much of the cache lies in Redis, looked at seldom and in small steps. */
export class StoredSizeReader {
  readonly #link: RedisLink
  readonly #keys: CacheKeys
  #lookedMs = -Infinity
  #last: Promise<StoredSize | undefined> = Promise.resolve(undefined)

  constructor(link: RedisLink, keys: CacheKeys) {
    this.#link = link
    this.#keys = keys
  }

  /** Undefined where Redis cannot be asked. */
  read(): Promise<StoredSize | undefined> {
    const nowMs = performance.now()
    if (nowMs - this.#lookedMs < lookAgainMs || this.#link.status !== 'up') return this.#last
    this.#lookedMs = nowMs
    this.#last = this.#look().catch(() => {
      this.#lookedMs = -Infinity
      return undefined
    })
    return this.#last
  }

  async #look(): Promise<StoredSize> {
    const pattern = this.#keys.entryPattern()
    const nodes = await this.#link.run((client) =>
      Promise.resolve(isClusterClient(client) ? client.nodes('master') : [undefined]),
    )
    const parts = await Promise.all(nodes.map((node) => this.#lookAt(node, pattern)))
    return {
      keys: parts.reduce((sum, { keys }) => sum + keys, 0),
      exact: parts.every(({ exact }) => exact),
      serverBytes: parts.reduce((sum, { serverBytes }) => sum + serverBytes, 0),
    }
  }

  async #lookAt(node: RedisClient | undefined, pattern: string): Promise<StoredSize> {
    const run = <T>(work: (client: RedisClient) => Promise<T>): Promise<T> =>
      this.#link.run((client) => work(node ?? client))
    const info = await run((client) => client.info())
    const serverBytes = Number(/used_memory:(\d+)/.exec(info)?.[1] ?? 0)
    let cursor = '0'
    let keys = 0
    for (let step = 0; step < mostSteps; step += 1) {
      const at = cursor
      const reply = await run((client) => client.call('SCAN', at, 'MATCH', pattern, 'COUNT', keysPerStep))
      const parts: unknown[] = Array.isArray(reply) ? reply : ['0', []]
      keys += Array.isArray(parts[1]) ? parts[1].length : 0
      cursor = String(parts[0])
      if (cursor === '0') return { keys, exact: true, serverBytes }
    }
    const all = Number(await run((client) => client.call('DBSIZE')))
    return { keys: Math.round((keys / (mostSteps * keysPerStep)) * all), exact: false, serverBytes }
  }
}
