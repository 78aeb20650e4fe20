import { createHash } from 'node:crypto'
import type { FastifyReply } from 'fastify'
import { isLarger, type Codec } from '../codec.js'
import type { RouteCacheConfig } from './route-config.js'

/** A reply as it is kept: its body as the text that goes out, which a hit does not parse. */
export interface StoredReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly etag: string
  readonly body: string
}

/** What describes the body, and goes out with every copy of it. */
const storedHeaders = [
  'content-type',
  'content-language',
  'content-disposition',
  'content-location',
  'expires',
  'last-modified',
  'link',
  'vary',
  'x-next-cursor',
  'x-total-count',
]

/** What a reply may vary by without being kept from the cache: it is captured before both are applied. */
const handledElsewhere = new Set(['accept-encoding', 'origin'])

/** One line of what is not the body, then the body as it is. */
export const replyCodec: Codec<unknown> = {
  letter: 'r',
  encode(value) {
    if (!isStoredReply(value)) throw new TypeError('it is no reply')
    return `${JSON.stringify([value.status, value.etag, value.headers])}\n${value.body}`
  },
  decode(text) {
    const end = text.indexOf('\n')
    const parsed: unknown = JSON.parse(text.slice(0, end))
    const fields: readonly unknown[] = Array.isArray(parsed) ? parsed : []
    const [status, etag, headers] = fields
    const reply = { status, etag, headers, body: text.slice(end + 1) }
    if (!isStoredReply(reply)) throw new TypeError('it is no reply')
    return Object.freeze(reply)
  },
}

export function isStoredReply(value: unknown): value is StoredReply {
  return (
    typeof value === 'object' &&
    value !== null &&
    'status' in value &&
    typeof value.status === 'number' &&
    'etag' in value &&
    typeof value.etag === 'string' &&
    'body' in value &&
    typeof value.body === 'string' &&
    'headers' in value &&
    typeof value.headers === 'object' &&
    value.headers !== null
  )
}

/** Of a reply: a list of texts counts as one text with commas. */
export type HeaderValue = ReturnType<FastifyReply['getHeader']>

function listOf(header: HeaderValue): string[] {
  return String(header ?? '')
    .toLowerCase()
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

/** Why a reply is not stored, in a word; undefined when it is. */
export function whyNotStored(
  reply: FastifyReply,
  payload: unknown,
  ownCacheControl: HeaderValue,
  config: RouteCacheConfig,
  maxEntryBytes: number,
): string | undefined {
  if (!(config.statusCodes ?? [200]).includes(reply.statusCode)) return 'status'
  if (typeof payload !== 'string') return 'no-text'
  if (isLarger(payload, maxEntryBytes)) return 'too-large'
  if (reply.hasHeader('set-cookie')) return 'set-cookie'
  if (reply.hasHeader('content-encoding')) return 'encoded'
  const directives = listOf(ownCacheControl).map((directive) => directive.split('=')[0])
  if (directives.some((name) => name === 'private' || name === 'no-store' || name === 'no-cache')) {
    return 'cache-control'
  }
  const known = new Set((config.varyHeaders ?? []).map((name) => name.toLowerCase()))
  if (listOf(reply.getHeader('vary')).some((name) => !known.has(name) && !handledElsewhere.has(name))) {
    return 'vary'
  }
  return undefined
}

/** Makes what is stored of a reply. The ETag is weak: compression may change the bytes that go out. */
export function storedReply(
  reply: FastifyReply,
  body: string,
  ownCacheControl: HeaderValue,
  config: RouteCacheConfig,
): StoredReply {
  const headers: Record<string, string> = {}
  for (const name of [...storedHeaders, ...(config.headers ?? [])]) {
    const value = reply.getHeader(name)
    if (value !== undefined) headers[name.toLowerCase()] = String(value)
  }
  if (ownCacheControl !== undefined) headers['cache-control'] = String(ownCacheControl)
  const own = reply.getHeader('etag')
  const etag = own === undefined ? `W/"${createHash('sha1').update(body).digest('base64url')}"` : String(own)
  return { status: reply.statusCode, headers, etag, body }
}

/** Whether If-None-Match names this ETag: a list, or `*`; weak comparison (RFC 9110, 13.1.2). */
export function matchesEtag(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false
  const opaque = (tag: string): string => tag.replace(/^W\//, '')
  const named = ifNoneMatch.match(/(?:W\/)?"[^"]*"|\*/g) ?? []
  return named.some((tag) => tag === '*' || opaque(tag) === opaque(etag))
}
