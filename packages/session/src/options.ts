import {
  checkOptions as checkAll,
  optionRule,
  type EncryptionKey,
  type OptionRules,
  type RedisOption,
} from '@stayfast/redis-kit'
import type { FastifyRequest } from 'fastify'
import { randomBytes } from 'node:crypto'
import { cookieName, prefixProblem, withoutPrefix, type CookieRules } from './cookie-rules.js'
import { SessionOptionError } from './errors.js'
import type { LegacyOptions } from './stores/plain-sessions.js'

/** How sessions are stored. All have defaults. */
export interface SessionStoreOptions {
  /**
   * Which Redis: a link, a client of the app, the name of an \@fastify/redis namespace, or `false` for
   * memory. Without it the plugin takes `app.redisConnection`, then `app.redis`, then memory.
   */
  readonly redis?: RedisOption
  /** Use a client of the app itself instead of a duplicate of it. Saves a connection, weakens the promises. */
  readonly share?: boolean
  /** Stands before each key, after the prefix of the connection, where there is one. */
  readonly keyPrefix?: string
  /** Seconds after which a session that is not used ends. */
  readonly idleSeconds?: number
  /** Seconds after which a session ends, used or not. */
  readonly absoluteSeconds?: number
  /** Use is noted at most once in this many seconds. */
  readonly renewEverySeconds?: number
  /** Sessions that a user may have at the same time; the oldest goes. */
  readonly maxSessionsPerUser?: number
  /** Bytes that the fields of one session may take as JSON. */
  readonly maxBytes?: number
  /**
   * While Redis is away: `'local'` lets those go on whom it confirmed lately, and accepts writes, which are
   * done when it is back; `'closed'` knows nobody.
   */
  readonly onOutage?: 'local' | 'closed'
  /** A session goes on if Redis confirmed it at most so many seconds before it went. */
  readonly localTrustSeconds?: number
  /** Sessions go on for so many seconds into an outage. */
  readonly localMaxSeconds?: number
  /** Sessions that this process remembers for that. */
  readonly maxLocalSessions?: number
  /** Writes that may wait for Redis; more are refused, and of the last fifth all but ends of sessions. */
  readonly maxBufferedWrites?: number
  /** Seconds that the end of the app may wait for them. */
  readonly flushSeconds?: number
  /**
   * Encrypts what sessions hold at rest (AES-256-GCM): the first key encrypts, all of them decrypt. Without
   * it they lie in Redis as they are.
   */
  readonly encryptionKeys?: readonly EncryptionKey[]
  /** Sessions that are kept where there is no Redis; more are refused. */
  readonly maxSessionsInMemory?: number
  /** Sessions that a plain store, such as connect-redis, has left: they are read once and converted. */
  readonly legacy?: LegacyOptions
  /** Sent as Retry-After with each 503. */
  readonly retryAfterSeconds?: number
}

/** Options of the plugin. All have defaults. */
export interface SessionOptions extends SessionStoreOptions {
  /** Name of the decorator on the app. */
  readonly decorateAs?: string
  /** Name of the decorator on the request that tells who is signed in. */
  readonly decorateRequestAs?: string
  /**
   * Signs the cookies: of a list the first signs and all verify. Each has at least 32 characters.
   * Without it SESSION_SECRET, separated by commas.
   */
  readonly secret?: string | readonly string[]
  /** Name of the cookie; without it `__Host-sid`, or `__Secure-sid` where there is a domain. */
  readonly cookieName?: string
  /** Names that are read as well, so that a change of name signs nobody out. */
  readonly acceptCookieNames?: readonly string[]
  /** Domain of the cookie, for an app on several subdomains; without it COOKIE_DOMAIN, else this host alone. */
  readonly cookieDomain?: string
  readonly sameSite?: 'lax' | 'strict' | 'none'
  /** `false` sends the cookie over plain http too, in production as well: where nobody can listen. */
  readonly secure?: boolean
  /** Registers \@fastify/csrf-protection, bound to the session, for `csrfToken` and `requireCsrf`. */
  readonly csrf?: boolean
  /**
   * Which tenant a request is for, such as by its host; undefined for none. A session of another tenant is
   * nothing to it. May be async.
   */
  readonly tenantOf?: (
    request: FastifyRequest,
  ) => string | null | undefined | Promise<string | null | undefined>
  /** Other origins whose pages may sign somebody in, such as `https://login.example.test`. */
  readonly trustedOrigins?: readonly string[]
}

type OptionWithoutDefault = 'redis' | 'legacy' | 'secret' | 'cookieName' | 'cookieDomain' | 'tenantOf'

/** {@link SessionOptions} with the defaults filled in. */
export type CheckedOptions = Required<Omit<SessionOptions, OptionWithoutDefault>> &
  Pick<SessionOptions, 'redis' | 'legacy' | 'tenantOf'> & {
    readonly secrets: readonly string[]
    /** Nobody gave one: what it signs is good in this process only. */
    readonly secretIsRandom: boolean
    readonly cookie: CookieRules
  }

/** {@link SessionStoreOptions} with the defaults filled in. */
export type CheckedStoreOptions = Pick<CheckedOptions, keyof SessionStoreOptions>

const dayInSeconds = 86_400

/** What holds of the store where an option is not given. */
export const defaultStoreOptions: Readonly<Required<Omit<SessionStoreOptions, 'redis' | 'legacy'>>> =
  Object.freeze({
    share: false,
    keyPrefix: '',
    idleSeconds: dayInSeconds,
    absoluteSeconds: 7 * dayInSeconds,
    renewEverySeconds: 60,
    maxSessionsPerUser: 20,
    maxBytes: 32_768,
    onOutage: 'local',
    localTrustSeconds: 300,
    localMaxSeconds: 900,
    maxLocalSessions: 10_000,
    maxBufferedWrites: 10_000,
    flushSeconds: 2,
    encryptionKeys: [],
    maxSessionsInMemory: 10_000,
    retryAfterSeconds: 2,
  } satisfies Required<Omit<SessionStoreOptions, 'redis' | 'legacy'>>)

/** What holds where an option is not given. */
export const defaultOptions: Readonly<Required<Omit<SessionOptions, OptionWithoutDefault>>> = Object.freeze({
  ...defaultStoreOptions,
  decorateAs: 'sessions',
  decorateRequestAs: 'principal',
  acceptCookieNames: [],
  sameSite: 'lax',
  secure: true,
  csrf: true,
  trustedOrigins: [],
} satisfies Required<Omit<SessionOptions, OptionWithoutDefault>>)

/** Shorter ones can be guessed. */
const secretCharacters = 32

/** RFC 6265, section 4.1.1: a token. */
const cookieNamePattern = /^[\w!#$%&'*+.^`|~-]+$/

function isOrigin(value: unknown): boolean {
  if (typeof value !== 'string') return false
  try {
    return new URL(value).origin === value
  } catch {
    return false
  }
}

/** What browsers take as a domain: letters, digits and hyphens between points, no scheme and no port. */
const domainPattern = /^\.?[a-z\d](?:[a-z\d-]*[a-z\d])?(?:\.[a-z\d](?:[a-z\d-]*[a-z\d])?)*$/i

function isDomain(value: unknown): boolean {
  return typeof value === 'string' && domainPattern.test(value)
}

function isLegacy(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('prefix' in value)) return false
  if (typeof value.prefix !== 'string') return false
  // A misspelt convert would take sessions away from processes that still run.
  if (Object.keys(value).some((name) => name !== 'prefix' && name !== 'convert')) return false
  const convert = 'convert' in value ? value.convert : undefined
  return convert === undefined || typeof convert === 'boolean'
}

const storeRules: OptionRules<SessionStoreOptions> = {
  redis: optionRule.redis,
  share: optionRule.yesOrNo,
  keyPrefix: optionRule.text,
  idleSeconds: optionRule.seconds,
  absoluteSeconds: optionRule.seconds,
  renewEverySeconds: optionRule.seconds,
  maxSessionsPerUser: optionRule.wholeNumber(1, 1000),
  maxBytes: optionRule.wholeNumber(1),
  onOutage: optionRule.oneOf('local', 'closed'),
  localTrustSeconds: optionRule.seconds,
  localMaxSeconds: optionRule.seconds,
  maxLocalSessions: optionRule.entries,
  maxBufferedWrites: optionRule.wholeNumber(1),
  flushSeconds: optionRule.number(0, 600),
  encryptionKeys: optionRule.encryptionKeys,
  maxSessionsInMemory: optionRule.entries,
  legacy: {
    wants: '{ prefix, convert }, what the keys of the plain store begin with, and whether they are converted',
    accepts: isLegacy,
  },
  retryAfterSeconds: optionRule.seconds,
}

const cookieNameRule = {
  wants: 'a name of letters, digits and - _ .',
  accepts: (value: unknown) => typeof value === 'string' && cookieNamePattern.test(value),
}

const domainRule = { wants: 'a domain, such as example.test', accepts: isDomain }

const rules: OptionRules<SessionOptions> = {
  ...storeRules,
  decorateAs: optionRule.name,
  decorateRequestAs: optionRule.name,
  secret: {
    wants: `a text of at least ${secretCharacters} characters, or a list of such texts`,
    accepts: (value) =>
      isSecret(value) || (Array.isArray(value) && value.length > 0 && value.every(isSecret)),
  },
  cookieName: cookieNameRule,
  acceptCookieNames: {
    wants: 'a list of cookie names',
    accepts: (value) => Array.isArray(value) && value.every(cookieNameRule.accepts),
  },
  cookieDomain: domainRule,
  sameSite: optionRule.oneOf('lax', 'strict', 'none'),
  secure: optionRule.yesOrNo,
  csrf: optionRule.yesOrNo,
  tenantOf: optionRule.callable,
  trustedOrigins: {
    wants: 'a list of origins, such as https://login.example.test',
    accepts: (value) => Array.isArray(value) && value.every(isOrigin),
  },
}

function isSecret(value: unknown): boolean {
  return typeof value === 'string' && value.length >= secretCharacters
}

const refuse = (message: string): Error => new SessionOptionError(message)

/**
 * Fills in the defaults. An option that is `undefined` counts as not given.
 *
 * @throws STAY_SESSION_OPTION_INVALID for an option that does not exist or cannot have its value.
 */
export function checkOptions(
  options: SessionOptions,
  env: Readonly<Record<string, string | undefined>> = process.env,
): CheckedOptions {
  const given = checkAll('session', options, rules, refuse)
  const checked = { ...defaultOptions, ...given }
  checkLifetimes(checked)
  if (given.legacy?.convert === false) {
    throw refuse(
      'legacy: { convert: false } is for createSessionStore: sessions of this plugin hold what a plain store cannot.',
    )
  }
  const production = env['NODE_ENV'] === 'production'
  const secrets = secretsOf(given.secret, env, production)
  const domain = given.cookieDomain ?? nonEmpty(env['COOKIE_DOMAIN'])
  if (domain !== undefined && !isDomain(domain)) throw refuse(`COOKIE_DOMAIN takes ${domainRule.wants}.`)
  const name = given.cookieName ?? cookieName(checked.secure, domain)
  const problem = prefixProblem(name, checked.secure, domain)
  if (problem !== undefined) throw refuse(`The session cookie would be refused by browsers: ${problem}.`)
  if (checked.sameSite === 'none' && !checked.secure) {
    throw refuse("The session cookie would be refused by browsers: sameSite: 'none' needs secure: true.")
  }
  return {
    ...checked,
    secrets: secrets ?? [randomBytes(32).toString('base64url')],
    secretIsRandom: secrets === undefined,
    cookie: {
      name,
      plainName: withoutPrefix(name),
      acceptNames: checked.acceptCookieNames.filter((each) => each !== name),
      attributes: {
        path: '/',
        ...(domain === undefined ? {} : { domain }),
        secure: checked.secure,
        httpOnly: true,
        sameSite: checked.sameSite,
      },
      development: !production,
    },
  }
}

/**
 * The same for a store alone.
 *
 * @throws STAY_SESSION_OPTION_INVALID
 */
export function checkStoreOptions(options: SessionStoreOptions): CheckedStoreOptions {
  const checked = { ...defaultStoreOptions, ...checkAll('createSessionStore', options, storeRules, refuse) }
  checkLifetimes(checked)
  return checked
}

function checkLifetimes(options: Required<Omit<SessionStoreOptions, 'redis' | 'legacy'>>): void {
  const { idleSeconds, absoluteSeconds, renewEverySeconds } = options
  if (renewEverySeconds >= idleSeconds) {
    throw refuse(
      `renewEverySeconds (${renewEverySeconds}) must be less than idleSeconds (${idleSeconds}), or sessions in use would end.`,
    )
  }
  if (idleSeconds > absoluteSeconds) {
    throw refuse(
      `idleSeconds (${idleSeconds}) must not be more than absoluteSeconds (${absoluteSeconds}), when a session ends anyway.`,
    )
  }
}

function secretsOf(
  given: string | readonly string[] | undefined,
  env: Readonly<Record<string, string | undefined>>,
  production: boolean,
): readonly string[] | undefined {
  if (given !== undefined) return typeof given === 'string' ? [given] : given
  const fromEnv = nonEmpty(env['SESSION_SECRET'])?.split(',')
  if (fromEnv === undefined) {
    if (!production) return undefined
    throw refuse(
      `SESSION_SECRET is not set, and production needs one: set it to at least ${secretCharacters} random characters, the same in every process, or give the option secret.`,
    )
  }
  const secrets = fromEnv.map((each) => each.trim())
  if (secrets.every(isSecret)) return secrets
  throw refuse(
    `SESSION_SECRET takes ${rules.secret.wants}, separated by commas; one of them is shorter. Make one with: openssl rand -base64 48`,
  )
}

/** An empty variable counts as not set. */
function nonEmpty(value: string | undefined): string | undefined {
  return value === undefined || value === '' ? undefined : value
}
