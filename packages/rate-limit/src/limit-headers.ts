import type { FastifyReply } from 'fastify'
import { tightest, type Applied } from './applied-limit.js'
import type { Limit } from './algorithms/limit.js'
import type { DraftVersion, LimitHeaders } from './options.js'
import type { Policy } from './policy.js'

/** Options of {@link createHeaderWriter}. */
export interface HeaderOptions {
  readonly headers: LimitHeaders
  readonly draftVersion: DraftVersion
  readonly addHeaders?: Readonly<Record<string, boolean>>
  readonly addHeadersOnExceeding?: Readonly<Record<string, boolean>>
}

/** Tells a client, in the headers of its response, of the limits that it was counted by. */
export type WriteHeaders = (reply: FastifyReply, applied: readonly Applied[]) => void

type Header = readonly [name: string, value: string | number]
type Format = (applied: readonly Applied[], tight: Applied) => readonly Header[]

const seconds = (ms: number): number => Math.max(0, Math.ceil(ms / 1000))
const windowSeconds = ({ windowUs }: Limit): number => seconds(windowUs / 1000)

/** Until when the client should count on what is left: for a refusal that is when it may come again. */
const resetSeconds = ({ verdict }: Applied): number => seconds(verdict.resetMs)

const quotedNames = new WeakMap<Policy, string>()

/** The name of a policy as an RFC 9651 string. */
function quotedName(policy: Policy): string {
  let quoted = quotedNames.get(policy)
  if (quoted === undefined) {
    quoted = `"${policy.name.replace(/["\\]/g, '\\$&')}"`
    quotedNames.set(policy, quoted)
  }
  return quoted
}

const policyItems = new WeakMap<Limit, string>()

/** A policy and its limit stay together unless the limit was made for one request. */
function policyItem({ policy, ask: { limit } }: Applied): string {
  const known = policyItems.get(limit)
  if (known !== undefined) return known
  const item = `${quotedName(policy)};q=${limit.max};w=${windowSeconds(limit)}`
  if (policy.limit === limit) policyItems.set(limit, item)
  return item
}

function limitItem(applied: Applied): string {
  return `${quotedName(applied.policy)};r=${applied.verdict.remaining};t=${resetSeconds(applied)}`
}

function list(applied: readonly Applied[], item: (applied: Applied) => string): string {
  const [first] = applied
  if (applied.length === 1 && first !== undefined) return item(first)
  return applied
    .filter(({ verdict }) => verdict.by !== 'nobody')
    .map(item)
    .join(', ')
}

/** https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/ */
const draftFormats: Readonly<Record<DraftVersion, Format>> = {
  11: (applied) => [
    ['ratelimit-policy', list(applied, policyItem)],
    ['ratelimit', list(applied, limitItem)],
  ],
  7: (applied, tight) => [
    ['ratelimit-policy', list(applied, ({ ask }) => `${ask.limit.max};w=${windowSeconds(ask.limit)}`)],
    [
      'ratelimit',
      `limit=${tight.ask.limit.max}, remaining=${tight.verdict.remaining}, reset=${resetSeconds(tight)}`,
    ],
  ],
  6: (_applied, tight) => [
    ['ratelimit-limit', tight.ask.limit.max],
    ['ratelimit-remaining', tight.verdict.remaining],
    ['ratelimit-reset', resetSeconds(tight)],
  ],
}

const legacyFormat: Format = (_applied, tight) => [
  ['x-ratelimit-limit', tight.ask.limit.max],
  ['x-ratelimit-remaining', tight.verdict.remaining],
  ['x-ratelimit-reset', resetSeconds(tight)],
]

function turnedOff(switches: Readonly<Record<string, boolean>> = {}): ReadonlySet<string> {
  const off = Object.entries(switches).filter(([, on]) => !on)
  return new Set(off.map(([name]) => name.toLowerCase()))
}

/** The headers that the options ask for. Retry-After comes with each refusal, and is never earlier than `t`. */
export function createHeaderWriter(options: HeaderOptions): WriteHeaders {
  const { headers, draftVersion } = options
  const formats: Format[] = []
  if (headers === 'draft' || headers === 'both') formats.push(draftFormats[draftVersion])
  if (headers === 'legacy' || headers === 'both') formats.push(legacyFormat)
  const offInRefusals = turnedOff(options.addHeaders)
  const offElsewhere = turnedOff(options.addHeadersOnExceeding)
  return (reply, applied) => {
    const tight = tightest(applied)
    if (tight === undefined) return
    const off = tight.verdict.allowed ? offElsewhere : offInRefusals
    for (const format of formats) {
      for (const [name, value] of format(applied, tight)) if (!off.has(name)) reply.header(name, value)
    }
    if (!tight.verdict.allowed && !off.has('retry-after')) reply.header('retry-after', resetSeconds(tight))
  }
}
