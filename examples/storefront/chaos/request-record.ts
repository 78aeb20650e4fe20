import { type Answer } from './http-client.js'
import { type Acknowledged } from './ledger.js'
import { type VisitKind } from './visits.js'

/**
 * - `ok`: 2xx
 * - `refused`: 503 with Retry-After and a STAY_ code, as documented for a Redis that is away
 * - `unknown`: 404 for an instance that was acknowledged
 * - `signed-out`: 401 for somebody who was signed in
 * - `failed`: any other 5xx
 * - `rejected`: any other 4xx, which this load never deserves
 * - `unanswered`: no answer at all
 */
export type Outcome = 'ok' | 'refused' | 'unknown' | 'signed-out' | 'failed' | 'rejected' | 'unanswered'

export const outcomes: readonly Outcome[] = [
  'ok',
  'refused',
  'unknown',
  'signed-out',
  'failed',
  'rejected',
  'unanswered',
]

export interface RequestRecord {
  kind: VisitKind
  shop: number
  sentAtMs: number
  milliseconds: number
  outcome: Outcome
  /** Of the error, or the status where there is none. */
  code: string | undefined
  reliesOn: Acknowledged | undefined
}

export function outcomeOf(answer: Answer): Pick<RequestRecord, 'outcome' | 'code'> {
  const { status, retryAfter } = answer
  if (status === 0) return { outcome: 'unanswered', code: answer.body }
  if (status < 400) return { outcome: 'ok', code: undefined }
  const code = textField(answer.body, 'code') ?? String(status)
  if (status === 503 && retryAfter && code.startsWith('STAY_')) return { outcome: 'refused', code }
  if (status === 404 && code !== 'SHOP_PRODUCT_NOT_FOUND') return { outcome: 'unknown', code }
  if (status === 401) return { outcome: 'signed-out', code }
  return { outcome: status >= 500 ? 'failed' : 'rejected', code }
}

/** A text in a JSON object; undefined when it is not there, or this is no JSON. */
export function textField(json: string, field: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(json)
    const value: unknown =
      typeof parsed === 'object' && parsed !== null ? Reflect.get(parsed, field) : undefined
    return typeof value === 'string' ? value : undefined
  } catch {
    return undefined
  }
}
