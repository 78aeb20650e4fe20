import { performance } from 'node:perf_hooks'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { CacheEntry } from '../cache-entry.js'
import { matchesEtag, type StoredReply } from './stored-reply.js'

/** How a stored reply came about, as X-Cache tells it. */
export type StoredHow = 'HIT' | 'STALE' | 'MISS'

const name = 'tagged-cache'

/** What clients are told where nobody says otherwise: ask each time, for they cannot be invalidated. */
const clientCacheControl = 'private, no-cache'

/** Puts the head of a stored reply on this one; returns the body. */
export function dress(
  request: FastifyRequest,
  reply: FastifyReply,
  entry: CacheEntry,
  stored: StoredReply,
  how: StoredHow,
): string {
  const nowMs = performance.now()
  for (const [header, text] of Object.entries(stored.headers)) {
    if (header === 'vary') addVary(reply, text)
    else reply.header(header, text)
  }
  const ttl = Math.floor((entry.freshUntilMs - nowMs) / 1000)
  reply.header('etag', stored.etag)
  reply.header('age', Math.max(0, Math.floor((nowMs - entry.createdMs) / 1000)))
  reply.header('x-cache', how)
  tellStatus(reply, how === 'MISS' ? 'fwd=uri-miss; collapsed' : `hit; ttl=${ttl}`)
  if (answerNotModified(request, reply, stored)) return ''
  reply.code(stored.status)
  return stored.body
}

/** Answers 304 where the client has this reply already. A condition is for successes alone (RFC 9110, 13.2.1). */
export function answerNotModified(
  request: FastifyRequest,
  reply: FastifyReply,
  { status, etag }: Pick<StoredReply, 'status' | 'etag'>,
): boolean {
  if (status >= 300 || !matchesEtag(request.headers['if-none-match'], etag)) return false
  reply.code(304)
  return true
}

/** @param status - What is said of this cache (RFC 9211). */
export function tellStatus(reply: FastifyReply, status: string): void {
  reply.header('cache-status', `${name}; ${status}`)
}

export function defaultCacheControl(reply: FastifyReply): void {
  if (!reply.hasHeader('cache-control')) reply.header('cache-control', clientCacheControl)
}

function addVary(reply: FastifyReply, text: string): void {
  const names = new Map<string, string>()
  for (const list of [reply.getHeader('vary'), text]) {
    for (const item of String(list ?? '').split(',')) {
      const header = item.trim()
      if (header !== '') names.set(header.toLowerCase(), header)
    }
  }
  reply.header('vary', [...names.values()].join(', '))
}
