import { isIPv6 } from 'node:net'
import { didYouMean } from '@stayfast/redis-kit'
import { Credentials } from './credentials.js'
import { redisConfigError, type RedisConfigError } from '../errors.js'
import { failureOf, parseDb, parseParameters, type AddressFamily, type UrlFailure } from './url-parameters.js'

export type { AddressFamily } from './url-parameters.js'

/** Where a server listens. */
export type Endpoint =
  | { readonly host: string; readonly port: number; readonly path?: never }
  | { readonly path: string; readonly host?: never; readonly port?: never }

/** What a connection URL says; `undefined` is what it leaves to others. */
export interface ConnectionUrl {
  readonly endpoint: Endpoint
  /** undefined: a bare `host:port` says nothing about it. */
  readonly tls: boolean | undefined
  readonly credentials: Credentials
  readonly db: number | undefined
  readonly family: AddressFamily | undefined
  /** Parameters of other clients that mean nothing here. */
  readonly ignoredParameters: readonly string[]
}

const SCHEMES = new Map([
  ['redis', false],
  ['rediss', true],
  ['valkey', false],
  ['valkeys', true],
])

const SHAPE = 'Write redis://user:password@host:6379/0, or rediss:// for TLS.'

/**
 * Parses `redis://`, `rediss://`, `valkey://`, `valkeys://`, `unix://` and a bare `host:port`. Stricter than
 * the WHATWG parser, which moves an unencoded `#` or `/` of a password into the path in silence.
 *
 * @param text the URL
 * @param source what to call it in messages (`REDIS_URL`); the URL itself is never shown
 * @throws STAY_REDIS_CONFIG_INVALID_URL, _REST_URL, _UNKNOWN_SCHEME, _NOT_ENCODED, _UNKNOWN_PARAMETER,
 * _INVALID_PORT, _INVALID_DB, _INVALID_HOST
 */
export function parseConnectionUrl(text: string, source: string, defaultPort = 6379): ConnectionUrl {
  const fail = failureOf(source)
  const trimmed = text.trim()
  refuseWhatIsNoUrl(trimmed, source)
  if (/^\/(?!\/)/.test(trimmed)) return parseSocketPath(trimmed, fail)
  const [, scheme, rest = ''] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(trimmed) ?? [
    undefined,
    undefined,
    trimmed,
  ]
  if (scheme?.toLowerCase() === 'unix') return parseSocketPath(rest, fail)
  const tls = scheme === undefined ? undefined : SCHEMES.get(scheme.toLowerCase())
  if (scheme !== undefined && tls === undefined) throw unknownScheme(scheme, source)
  refuseUnencoded(rest, fail)

  const [, authority = '', path = '', query = ''] = /^([^/?]*)([^?]*)\??(.*)$/s.exec(rest) ?? []
  if (scheme === undefined && (path !== '' || query !== '' || authority.includes('@'))) {
    throw fail('INVALID_URL', 'does not begin with redis:// or rediss://.', SHAPE)
  }
  if (scheme === undefined && !/:\d+$/.test(authority)) {
    throw fail('INVALID_URL', 'is neither a URL nor host:port.', SHAPE)
  }
  const at = authority.indexOf('@')
  const parameters = parseParameters(query, fail)
  if (tls === true && parameters.tls === false) {
    throw fail('CONFLICT', 'asks for TLS by its scheme and refuses it by tls=false.', 'Drop one of the two.')
  }
  const pathDb = path === '' || path === '/' ? undefined : parseDb(path.slice(1), fail)
  if (pathDb !== undefined && parameters.db !== undefined && pathDb !== parameters.db) {
    throw fail('CONFLICT', 'names one database in its path and another as db=.', 'Drop one of the two.')
  }
  return {
    endpoint: parseHostAndPort(authority.slice(at + 1), fail, defaultPort),
    tls: parameters.tls === true ? true : tls,
    credentials: at === -1 ? Credentials.none : parseCredentials(authority.slice(0, at), fail),
    db: pathDb ?? parameters.db,
    family: parameters.family,
    ignoredParameters: parameters.ignored,
  }
}

function refuseWhatIsNoUrl(text: string, source: string): void {
  const fail = failureOf(source)
  if (text === '') throw fail('INVALID_URL', 'is empty.', SHAPE)
  if (/^https?:\/\//i.test(text)) {
    throw redisConfigError('STAY_REDIS_CONFIG_REST_URL', {
      what: `${source} begins with https:// or http://.`,
      why: 'That is the REST URL, and this client speaks the Redis protocol over TCP.',
      remedy: `Copy the redis URL (it begins with rediss://) from the provider's console into ${source}.`,
    })
  }
  if (/^(redis|valkey)-cli\s/i.test(text)) {
    throw fail(
      'INVALID_URL',
      'is a whole redis-cli command.',
      'Keep only the part that begins with redis:// or rediss://.',
    )
  }
  // `redis:6379` is not one of these: it is the host named redis.
  if (/^(?:redis|valkey)s?:(?!\/\/|\d)/i.test(text)) {
    throw fail('INVALID_URL', 'lacks the two slashes after its scheme.', SHAPE)
  }
  if (/[\u0000-\u001f\u007f]/.test(text)) {
    throw fail(
      'INVALID_URL',
      'holds a line break or another control character.',
      'Put it on one line, without them.',
    )
  }
}

function unknownScheme(scheme: string, source: string): RedisConfigError {
  const known = [...SCHEMES.keys(), 'unix']
  return redisConfigError('STAY_REDIS_CONFIG_UNKNOWN_SCHEME', {
    what: `${source} begins with a scheme that is not known here.`,
    why: 'Redis is reached by redis:// or valkey://, with TLS by rediss:// or valkeys://, or by unix://.',
    remedy: /sentinel|cluster|srv/i.test(scheme)
      ? 'For a cluster set REDIS_CLUSTER_NODES, for sentinels REDIS_SENTINELS and REDIS_SENTINEL_NAME.'
      : didYouMean(scheme, known),
  })
}

function refuseUnencoded(rest: string, fail: UrlFailure): void {
  const authority = /^[^/?#]*/.exec(rest)?.[0] ?? ''
  const strayAt =
    rest.slice(authority.length).includes('@') || authority.indexOf('@') !== authority.lastIndexOf('@')
  if (!strayAt && !rest.includes('#')) return
  throw fail(
    'NOT_ENCODED',
    'holds a character that ends the password early.',
    'Percent-encode the user and the password: # is %23, @ is %40, / is %2F, ? is %3F (encodeURIComponent does it).',
    'In a URL #, @, / and ? have a meaning of their own.',
  )
}

function parseCredentials(userInfo: string, fail: UrlFailure): Credentials {
  const colon = userInfo.indexOf(':')
  if (colon === -1) {
    throw fail(
      'INVALID_URL',
      'has a user but no password.',
      'Write redis://:password@host for a password alone, redis://user:@host for a user without one.',
      'Without a colon it cannot be told which of the two it is.',
    )
  }
  const username = decode(userInfo.slice(0, colon), fail)
  const password = decode(userInfo.slice(colon + 1), fail)
  if (username === '') return password === '' ? Credentials.none : new Credentials(undefined, password)
  return new Credentials(username, password)
}

function decode(text: string, fail: UrlFailure): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw fail(
      'NOT_ENCODED',
      'holds a percent sign in the user or password that begins no percent code.',
      'Percent-encode the user and the password: % itself is %25 (encodeURIComponent does it).',
      'In a URL a percent sign is followed by two hexadecimal digits.',
    )
  }
}

function parseHostAndPort(text: string, fail: UrlFailure, defaultPort: number): Endpoint {
  if (text.includes(',')) {
    throw fail(
      'INVALID_HOST',
      'lists several hosts.',
      'For a cluster set REDIS_CLUSTER_NODES, for sentinels REDIS_SENTINELS and REDIS_SENTINEL_NAME.',
    )
  }
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([^:]*))?$/.exec(text) ?? []
  if (bracketed !== undefined && !isIPv6(bracketed)) {
    throw fail(
      'INVALID_HOST',
      'has something in brackets that is no IPv6 address.',
      'Write an address such as [::1].',
    )
  }
  const host = bracketed ?? plain
  if (host === undefined) {
    throw fail(
      'INVALID_HOST',
      'has more colons than host:port needs.',
      'Put an IPv6 address in brackets: redis://[::1]:6379.',
    )
  }
  if (bracketed === undefined && !isHostName(host)) {
    throw fail(
      'INVALID_HOST',
      host === '' ? 'has no host.' : 'has a host with characters that no host name has.',
      `Check it for a placeholder left from an example. ${SHAPE}`,
    )
  }
  return { host: host.toLowerCase(), port: port === undefined ? defaultPort : parseUrlPort(port, fail) }
}

/** Letters, digits, `-`, `_` (container names have it) and dots. */
export function isHostName(text: string): boolean {
  return text.length <= 253 && /^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?\.?$/i.test(text)
}

function parseUrlPort(text: string, fail: UrlFailure): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (port >= 1 && port <= 65_535) return port
  // Only digits are shown: letters here may be the rest of a password.
  const shown = /^\d{1,6}$/.test(text) ? `has the port ${text}.` : 'has a port that is not a number.'
  throw fail(
    'INVALID_PORT',
    shown,
    'Redis listens on 6379 unless told otherwise.',
    'A port is a whole number from 1 to 65535.',
  )
}

function parseSocketPath(text: string, fail: UrlFailure): ConnectionUrl {
  const [, path = '', query = ''] = /^([^?]*)\??(.*)$/s.exec(text) ?? []
  if (!path.startsWith('/') || path.length < 2) {
    throw fail(
      'INVALID_URL',
      'names no socket file.',
      'Write unix:///run/redis/redis.sock, with three slashes.',
    )
  }
  if (path.includes('@')) {
    throw fail(
      'INVALID_URL',
      'has credentials in the address of a socket file.',
      'Set REDIS_USERNAME and REDIS_PASSWORD, or the options username and password.',
    )
  }
  const parameters = parseParameters(query, fail)
  return {
    endpoint: { path: decode(path, fail) },
    tls: false,
    credentials: Credentials.none,
    db: parameters.db,
    family: undefined,
    ignoredParameters: parameters.ignored,
  }
}
