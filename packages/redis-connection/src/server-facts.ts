import type { RedisClient } from '@stayfast/redis-kit'

/** What the server says of itself; it is believed over what its host name suggests. */
export interface ServerFacts {
  readonly engine: 'redis' | 'valkey' | 'dragonfly' | 'keydb'
  readonly version: string
  readonly mode: 'standalone' | 'sentinel' | 'cluster' | 'unknown'
  /** Such as `'noeviction'`; undefined where the server does not tell. */
  readonly evictionPolicy: string | undefined
  /** 0 means no limit; undefined where the server does not tell. */
  readonly maxMemoryBytes: number | undefined
  /** It is still reading its data from disk and refuses commands. */
  readonly loading: boolean
}

const engines = [
  ['valkey', 'valkey_version'],
  ['dragonfly', 'dragonfly_version'],
  ['keydb', 'keydb_version'],
  ['redis', 'redis_version'],
] as const

/** Parses a reply of INFO. Fields that are missing or strange are left open, never an error. */
export function parseServerFacts(info: string): ServerFacts {
  const fields = new Map(
    info.split(/\r?\n/).flatMap((line) => {
      const colon = line.indexOf(':')
      return colon > 0 ? [[line.slice(0, colon), line.slice(colon + 1)] as const] : []
    }),
  )
  const [engine, versionField] = engines.find(([, field]) => fields.has(field)) ?? (['redis', ''] as const)
  // Valkey has its own name for it, unless it is told to pass for Redis.
  const mode = fields.get('redis_mode') ?? fields.get('server_mode')
  const maxMemory = Number(fields.get('maxmemory') ?? Number.NaN)
  return {
    engine,
    version: fields.get(versionField) ?? 'unknown',
    mode: mode === 'standalone' || mode === 'sentinel' || mode === 'cluster' ? mode : 'unknown',
    evictionPolicy: fields.get('maxmemory_policy'),
    maxMemoryBytes: Number.isFinite(maxMemory) ? maxMemory : undefined,
    loading: fields.get('loading') === '1',
  }
}

/** Asks the server, if it lets itself be asked. */
export async function readServerFacts(client: RedisClient): Promise<ServerFacts | undefined> {
  try {
    return parseServerFacts(await client.info())
  } catch (error) {
    // INFO may be forbidden to this user, or unknown to a proxy.
    if (error instanceof Error && /^(NOPERM|ERR unknown command)/i.test(error.message)) return undefined
    throw error
  }
}
