import { didYouMean } from '@stayfast/redis-kit'
import { redisConfigError, type RedisConfigError, type RedisConfigErrorCode } from '../errors.js'

/** 0 lets the resolver's answer decide; the only value that works on every network. */
export type AddressFamily = 0 | 4 | 6

/** Makes an error of a URL: the ending of its code, and what is wrong with it. */
export type UrlFailure = (suffix: Suffix, what: string, remedy: string, why?: string) => RedisConfigError
type Suffix = RedisConfigErrorCode extends infer Code
  ? Code extends `STAY_REDIS_CONFIG_${infer Rest}`
    ? Rest
    : never
  : never

export const failureOf =
  (source: string): UrlFailure =>
  (suffix, what, remedy, why = 'It cannot be read as the address of a Redis server.') =>
    redisConfigError(`STAY_REDIS_CONFIG_${suffix}`, { what: `${source} ${what}`, why, remedy })

// What providers and other languages' clients append; ioredis has no such options.
const FOREIGN_PARAMETERS = new Set([
  'client_name',
  'dial_timeout',
  'health_check_interval',
  'max_connections',
  'pool_size',
  'pool_timeout',
  'protocol',
  'read_timeout',
  'retry_on_timeout',
  'skip_verify',
  'socket_connect_timeout',
  'socket_timeout',
  'ssl',
  'ssl_ca_certs',
  'ssl_cert_reqs',
  'timeout',
  'write_timeout',
])
const KNOWN_PARAMETERS = ['db', 'family', 'tls']

const LARGEST_DB = 2_147_483_647

/** What stands behind the question mark. */
export interface UrlParameters {
  readonly db: number | undefined
  readonly family: AddressFamily | undefined
  readonly tls: boolean | undefined
  readonly ignored: readonly string[]
}

export function parseParameters(query: string, fail: UrlFailure): UrlParameters {
  const parameters = new URLSearchParams(query)
  const ignored: string[] = []
  for (const name of parameters.keys()) {
    if (KNOWN_PARAMETERS.includes(name)) continue
    if (FOREIGN_PARAMETERS.has(name)) {
      ignored.push(name)
      continue
    }
    if (/^(user|pass|auth|pwd)/i.test(name)) {
      throw fail(
        'UNKNOWN_PARAMETER',
        'has credentials among its parameters.',
        'Write them in front of the host: redis://user:password@host.',
        'They are read from one place only.',
      )
    }
    throw fail(
      'UNKNOWN_PARAMETER',
      /^[a-z_-]{1,24}$/i.test(name)
        ? `has the parameter "${name}".`
        : 'has a parameter that is not known here.',
      `${didYouMean(name, KNOWN_PARAMETERS)} Other settings are options of the plugin.`,
      'A parameter that is not understood would be ignored in silence.',
    )
  }
  const db = parameters.get('db')
  return {
    db: db === null ? undefined : parseDb(db, fail),
    family: parseFamily(parameters.get('family'), fail),
    tls: parseTls(parameters.get('tls'), fail),
    ignored,
  }
}

function parseFamily(text: string | null, fail: UrlFailure): AddressFamily | undefined {
  if (text === null) return undefined
  if (text === '0') return 0
  if (text === '4') return 4
  if (text === '6') return 6
  throw fail(
    'UNKNOWN_PARAMETER',
    'has a family that is not 0, 4 or 6.',
    'Leave it out: 0 works on every network.',
  )
}

function parseTls(text: string | null, fail: UrlFailure): boolean | undefined {
  if (text === null) return undefined
  if (/^(true|1|yes|on)$/i.test(text)) return true
  if (/^(false|0|no|off)$/i.test(text)) return false
  throw fail(
    'UNKNOWN_PARAMETER',
    'has a tls that is neither true nor false.',
    'Use rediss:// instead of redis:// for TLS.',
  )
}

export function parseDb(text: string, fail: UrlFailure): number {
  const db = /^\d{1,10}$/.test(text) ? Number(text) : Infinity
  if (db <= LARGEST_DB) return db
  throw fail(
    'INVALID_DB',
    'names a database that is not a number.',
    'End it with the number of the database (redis://host:6379/0), or with nothing.',
    'Redis numbers its databases from 0.',
  )
}
