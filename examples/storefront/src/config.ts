import { createHash, randomBytes } from 'node:crypto'
import { ConfigInvalidError, SessionSecretMissingError } from './errors.js'
import { secretList } from './secret-list.js'
import { readWebhookSecrets, type WebhookSecrets } from './webhooks/webhook-secrets.js'

export type CatalogueSource =
  { kind: 'memory' } | { kind: 'directory'; path: string } | { kind: 'postgres'; url: string }

export interface StorefrontConfig {
  host: string
  /** 0 takes any free port. */
  port: number
  /** So many proxies stand before this process, and alone are believed about a client's address and scheme. */
  proxies: number
  logLevel: string
  production: boolean
  catalogue: CatalogueSource
  /** Signs instance tokens; without it no token is believed. */
  appSecret: string | undefined
  /** Newest first: the first signs, all verify. */
  sessionSecrets: readonly string[]
  /** Of the demo's users; none in production, where nobody can sign in as them. */
  demoPassword: { value: string; madeUp: boolean } | undefined
  /** Requests that an address may send in a window of so many seconds; max 0 turns all limits off. */
  limit: { max: number; windowSeconds: number }
  webhookSecrets: WebhookSecrets
  /** Where the Redis plugins look for their `REDIS_*` variables. */
  environment: NodeJS.ProcessEnv
  /** What the operator should know and need not act on at once; logged at the start. */
  warnings: readonly string[]
}

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']
const SHORTEST_SECRET = 32
const MADE_UP_PASSWORD_BYTES = 9
const LARGEST_COUNT = 999_999_999

/** Reads the configuration; an empty variable counts as unset. Throws coded errors that name the remedy. */
export function readConfig(environment: NodeJS.ProcessEnv): StorefrontConfig {
  const read = (name: string): string | undefined => environment[name]?.trim() || undefined
  const warnings: string[] = []
  const warn = (warning: string): void => void warnings.push(warning)
  const production = read('NODE_ENV') === 'production'
  const appSecret = read('APP_SECRET')
  if (production && appSecret === undefined) {
    warn('APP_SECRET is not set: every instance token is refused, so no dashboard can be opened')
  }
  return {
    host: read('HOST') ?? '127.0.0.1',
    port: readPort(read('PORT') ?? '3000'),
    proxies: readCount('TRUSTED_PROXIES', read('TRUSTED_PROXIES') ?? '0', 0),
    logLevel: readLogLevel(read('LOG_LEVEL') ?? 'info'),
    production,
    catalogue: readCatalogueSource(read('DATABASE_URL'), read('DATA_DIR'), warn),
    appSecret,
    sessionSecrets: readSessionSecrets(read('SESSION_SECRET'), production, warn),
    demoPassword: production ? undefined : readDemoPassword(read('DEMO_PASSWORD')),
    limit: {
      max: readCount('RATE_LIMIT_MAX', read('RATE_LIMIT_MAX') ?? '100', 0),
      windowSeconds: readCount('RATE_LIMIT_WINDOW_SECONDS', read('RATE_LIMIT_WINDOW_SECONDS') ?? '900', 1),
    },
    webhookSecrets: readWebhookSecrets(read),
    environment,
    warnings,
  }
}

function readCount(name: string, value: string, least: number): number {
  const count = Number(value)
  if (/^\d+$/.test(value) && count >= least && count <= LARGEST_COUNT) return count
  throw new ConfigInvalidError(
    name,
    `is "${value}": set it to a whole number from ${least} to ${LARGEST_COUNT}`,
  )
}

function readDemoPassword(value: string | undefined): StorefrontConfig['demoPassword'] {
  if (value !== undefined) return { value, madeUp: false }
  return { value: randomBytes(MADE_UP_PASSWORD_BYTES).toString('base64url'), madeUp: true }
}

function readPort(value: string): number {
  const port = Number(value)
  if (/^\d+$/.test(value) && port <= 65_535) return port
  throw new ConfigInvalidError(
    'PORT',
    `is "${value}": set it to a whole number from 0 (any free port) to 65535`,
  )
}

function readLogLevel(value: string): string {
  if (LOG_LEVELS.includes(value)) return value
  throw new ConfigInvalidError('LOG_LEVEL', `is "${value}": set it to one of ${LOG_LEVELS.join(', ')}`)
}

function readCatalogueSource(
  url: string | undefined,
  path: string | undefined,
  warn: (warning: string) => void,
): CatalogueSource {
  if (url !== undefined) {
    // The value is not repeated: it may hold a password.
    if (!URL.canParse(url) || !/^postgres(?:ql)?:$/.test(new URL(url).protocol)) {
      throw new ConfigInvalidError(
        'DATABASE_URL',
        'is no Postgres URL: set it to one of the form postgres://user:password@host:5432/database, or unset it ' +
          'for the embedded Postgres',
      )
    }
    if (path !== undefined)
      warn('DATABASE_URL and DATA_DIR are both set: DATABASE_URL is used, DATA_DIR is not')
    return { kind: 'postgres', url }
  }
  return path === undefined ? { kind: 'memory' } : { kind: 'directory', path }
}

function readSessionSecrets(
  value: string | undefined,
  production: boolean,
  warn: (warning: string) => void,
): readonly string[] {
  if (value === undefined) {
    if (production) throw new SessionSecretMissingError()
    warn(
      'SESSION_SECRET is not set: a random one is used until this process ends. Set it to stay signed in over ' +
        'restarts, and to one value in several processes',
    )
    return [randomBytes(SHORTEST_SECRET).toString('base64url')]
  }
  const secrets = secretList(value)
  if (secrets.length === 0 || secrets.some((secret) => secret.length < SHORTEST_SECRET)) {
    const problem =
      `holds a secret of fewer than ${SHORTEST_SECRET} characters: use random ones, for example the output of ` +
      '`openssl rand -base64 48`, and separate several by commas while they rotate'
    if (production) throw new ConfigInvalidError('SESSION_SECRET', problem)
    warn(`SESSION_SECRET ${problem}`)
  }
  return secrets.map(longEnough)
}

/** As hard to guess as before: only what the session needs in length, the same in every process. */
function longEnough(secret: string): string {
  return secret.length < SHORTEST_SECRET ? createHash('sha256').update(secret).digest('base64url') : secret
}
