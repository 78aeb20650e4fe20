import type { FastifyRequest } from 'fastify'
import { InsecureConnectionError } from './errors.js'

/** What a session cookie looks like. */
export interface CookieRules {
  /** With the prefix that makes browsers hold to the rules. */
  readonly name: string
  /** The name over plain http in development, where browsers refuse the prefix. */
  readonly plainName: string
  readonly attributes: CookieAttributes
  /** Names that are read as well. */
  readonly acceptNames: readonly string[]
  /** Plain http on this machine will do. */
  readonly development: boolean
}

/** For `reply.setCookie` and `reply.clearCookie`. */
export interface CookieAttributes {
  readonly path: string
  readonly domain?: string
  readonly secure: boolean
  readonly httpOnly: true
  readonly sameSite: 'lax' | 'strict' | 'none'
}

const prefix = /^__(?:Host|Secure)-/

/**
 * The name of the cookie: with `__Host-` browsers take it from this host alone, over https, for all
 * paths. A domain rules that out, and `__Secure-` is left.
 *
 * Source: draft-ietf-httpbis-rfc6265bis, section 4.1.3
 */
export function cookieName(secure: boolean, domain: string | undefined): string {
  if (!secure) return plainCookieName
  return domain === undefined ? `__Host-${plainCookieName}` : `__Secure-${plainCookieName}`
}

const plainCookieName = 'sid'

/** A cookie name without its prefix. */
export function withoutPrefix(name: string): string {
  return name.replace(prefix, '')
}

/** Whether browsers would take a cookie of that name with these rules. */
export function prefixProblem(name: string, secure: boolean, domain: string | undefined): string | undefined {
  if (!prefix.test(name)) return undefined
  if (!secure) return `the cookie name ${name} needs secure: true`
  return name.startsWith('__Host-') && domain !== undefined
    ? `the cookie name ${name} rules out a cookieDomain: call it __Secure-${withoutPrefix(name)}`
    : undefined
}

const loopback = /^(?:localhost|.+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

/** Plain http to this machine, in development: the cookie goes without `Secure`. */
export function isLocalDevelopment(rules: CookieRules, request: FastifyRequest): boolean {
  return rules.development && request.protocol !== 'https' && loopback.test(request.hostname)
}

/**
 * Whether the cookie would come back.
 *
 * @throws STAY_SESSION_INSECURE, before anything is written: such a sign-in would seem to do nothing.
 */
export function checkConnection(rules: CookieRules, request: FastifyRequest): void {
  if (!rules.attributes.secure || request.protocol === 'https' || isLocalDevelopment(rules, request)) return
  const behindProxy =
    request.headers['x-forwarded-proto'] !== undefined || request.headers['forwarded'] !== undefined
  throw new InsecureConnectionError(
    behindProxy
      ? 'a proxy in front of the app speaks https, but the app does not believe it. Set trustProxy to the addresses of the proxy: Fastify({ trustProxy: "10.0.0.0/8" })'
      : 'put https in front of it and set trustProxy, or, where nobody can listen, set the option secure: false',
  )
}
