import type { FastifyReply } from 'fastify'
import { tightest, type Applied } from './applied-limit.js'
import type { Limit } from './algorithms/limit.js'
import type { DraftVersion, LimitHeaders } from './options.js'

/** Options of {@link createHeaderWriter}. */
export interface HeaderOptions {
  readonly headers: LimitHeaders
  readonly draftVersion: DraftVersion
  readonly addHeaders?: Readonly<Record<string, boolean>>
  readonly addHeadersOnExceeding?: Readonly<Record<string, boolean>>
}

/** Tells a client, in the headers of its response, of the limits that it was counted by. */
export type WriteHeaders = (reply: FastifyReply, applied: readonly Applied[]) => void

/** Sets a header, unless it is turned off. */
type Put = (reply: FastifyReply, name: string, value: string | number) => void
type Format = (put: Put, reply: FastifyReply, applied: readonly Applied[], tight: Applied) => void

const seconds = (ms: number): number => Math.max(0, Math.ceil(ms / 1000))
const windowSeconds = ({ windowUs }: Limit): number => seconds(windowUs / 1000)

/** Until when the client should count on what is left: for a refusal that is when it may come again. */
const resetSeconds = ({ verdict }: Applied): number => seconds(verdict.resetMs)

/** The name of a policy as an RFC 9651 string. */
export function quotedName(name: string): string {
  return `"${name.replace(/["\\]/g, '\\$&')}"`
}

/** A policy as the draft writes it. */
export function policyItem(quoted: string, limit: Limit): string {
  return `${quoted};q=${limit.max};w=${windowSeconds(limit)}`
}

/** Written once where the limit is not made for each request. */
function policyText({ policy, ask: { limit } }: Applied): string {
  return policy.limit === limit ? policy.item : policyItem(policy.quotedName, limit)
}

function limitText(applied: Applied): string {
  return `${applied.policy.quotedName};r=${applied.verdict.remaining};t=${resetSeconds(applied)}`
}

function list(applied: readonly Applied[], text: (applied: Applied) => string): string {
  const [first] = applied
  if (applied.length === 1 && first !== undefined) return text(first)
  return applied
    .filter(({ verdict }) => verdict.by !== 'nobody')
    .map(text)
    .join(', ')
}

/** https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/ */
const draftFormats: Readonly<Record<DraftVersion, Format>> = {
  11: (put, reply, applied) => {
    put(reply, 'ratelimit-policy', list(applied, policyText))
    put(reply, 'ratelimit', list(applied, limitText))
  },
  7: (put, reply, applied, tight) => {
    const { ask, verdict } = tight
    const window = ({ ask: { limit } }: Applied): string => `${limit.max};w=${windowSeconds(limit)}`
    put(reply, 'ratelimit-policy', list(applied, window))
    put(
      reply,
      'ratelimit',
      `limit=${ask.limit.max}, remaining=${verdict.remaining}, reset=${resetSeconds(tight)}`,
    )
  },
  6: (put, reply, _applied, tight) => {
    put(reply, 'ratelimit-limit', tight.ask.limit.max)
    put(reply, 'ratelimit-remaining', tight.verdict.remaining)
    put(reply, 'ratelimit-reset', resetSeconds(tight))
  },
}

const legacyFormat: Format = (put, reply, _applied, tight) => {
  put(reply, 'x-ratelimit-limit', tight.ask.limit.max)
  put(reply, 'x-ratelimit-remaining', tight.verdict.remaining)
  put(reply, 'x-ratelimit-reset', resetSeconds(tight))
}

const putAlways: Put = (reply, name, value) => {
  reply.header(name, value)
}

/** Leaves out the headers that an option turns off. */
function putUnless(switches: Readonly<Record<string, boolean>> = {}): Put {
  const off = new Set(
    Object.entries(switches)
      .filter(([, on]) => !on)
      .map(([name]) => name.toLowerCase()),
  )
  if (off.size === 0) return putAlways
  return (reply, name, value) => {
    if (!off.has(name)) reply.header(name, value)
  }
}

/** The headers that the options ask for. Retry-After comes with each refusal, and is never earlier than `t`. */
export function createHeaderWriter(options: HeaderOptions): WriteHeaders {
  const { headers, draftVersion } = options
  const formats: Format[] = []
  if (headers === 'draft' || headers === 'both') formats.push(draftFormats[draftVersion])
  if (headers === 'legacy' || headers === 'both') formats.push(legacyFormat)
  const putInRefusals = putUnless(options.addHeaders)
  const putElsewhere = putUnless(options.addHeadersOnExceeding)
  return (reply, applied) => {
    const tight = tightest(applied)
    if (tight === undefined) return
    const put = tight.verdict.allowed ? putElsewhere : putInRefusals
    for (const format of formats) format(put, reply, applied, tight)
    if (!tight.verdict.allowed) put(reply, 'retry-after', resetSeconds(tight))
  }
}
