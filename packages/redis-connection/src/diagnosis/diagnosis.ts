import { signals, type RetryPace, type SignalRow } from './diagnosis-table.js'
import type { ProviderId } from '../configuration/providers.js'

/** What was known about the connection when it failed. */
export interface DiagnosisContext {
  readonly tls: boolean
  readonly providerId: ProviderId
  /** No connection of this client has been ready yet. */
  readonly neverConnected: boolean
}

/** What went wrong and what to do, in words that hold no host, URL, user or password. */
export interface Diagnosis {
  /** Stable name of the cause, for logs and metrics. */
  readonly signal: string
  readonly summary: string
  readonly hint: string
  readonly retry: RetryPace
}

/** The codes and texts found in an error and in everything it wraps. */
export interface ErrorFacts {
  readonly codes: readonly string[]
  readonly messages: readonly string[]
}

/**
 * Explains an error of a client or of a command. The error's own text is matched, never repeated.
 *
 * Give it what the client emits as `error`: `connect()` rejects with "Connection is closed." whatever the
 * cause. That text alone is worth diagnosing only where no `error` came before it.
 */
export function diagnose(error: unknown, context: DiagnosisContext): Diagnosis {
  const facts = factsOf(error)
  const row = signals.find((candidate) => matches(candidate, facts, context))
  if (row === undefined) return unknownSignal(facts)
  const { signal, summary, hint, retry, providerHints } = row
  const special = providerHints?.[context.providerId]
  return { signal, summary, hint: special === undefined ? hint : `${hint} ${special}`, retry }
}

function matches({ when }: SignalRow, { codes, messages }: ErrorFacts, context: DiagnosisContext): boolean {
  if (when.tls !== undefined && when.tls !== context.tls) return false
  if (when.neverConnected !== undefined && when.neverConnected !== context.neverConnected) return false
  return (
    (when.codes?.some((code) => codes.includes(code)) ?? false) ||
    (when.text !== undefined && messages.some((message) => when.text?.test(message)))
  )
}

function unknownSignal({ codes, messages }: ErrorFacts): Diagnosis {
  // A word such as ERR or ENOSPC is safe to show; what follows it may hold a key, a user or an address.
  const word = [...codes, ...messages.map((message) => message.split(' ', 1)[0] ?? '')].find((candidate) =>
    /^[A-Z][A-Z0-9_]{2,40}$/.test(candidate),
  )
  return {
    signal: 'unknown',
    summary:
      word === undefined
        ? 'Redis or the connection to it failed.'
        : `Redis or the connection to it failed (${word}).`,
    hint: 'The cause of the error says more.',
    retry: 'fast',
  }
}

const DEEPEST = 8

/** Walks causes, the errors of an AggregateError (whose own message is empty) and a cluster's last node error. */
export function factsOf(error: unknown): ErrorFacts {
  const codes: string[] = []
  const messages: string[] = []
  const visit = (value: unknown, depth: number): void => {
    if (depth > DEEPEST) return
    if (typeof value === 'string') messages.push(value)
    if (typeof value !== 'object' || value === null) return
    const read = (name: string): unknown => (name in value ? Reflect.get(value, name) : undefined)
    const [code, message, errors] = [read('code'), read('message'), read('errors')]
    if (typeof code === 'string') codes.push(code)
    if (typeof message === 'string') messages.push(message)
    if (Array.isArray(errors)) for (const inner of errors) visit(inner, depth + 1)
    visit(read('cause'), depth + 1)
    visit(read('lastNodeError'), depth + 1)
  }
  visit(error, 0)
  return { codes, messages }
}
