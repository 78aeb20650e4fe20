import type { Intent } from '@stayfast/redis-kit'
import { stampUs } from '@stayfast/redis-kit'
import { changedFields } from '../session-fields.js'
import type { SessionAddress } from '../session-id.js'
import type { ChangeTexts, NewSession, StoredSession } from './session-store.js'

/** What waits for Redis: what was wanted, not what comes out. */
export type SessionOperation =
  | { readonly kind: 'create'; readonly address: SessionAddress; readonly session: NewSession }
  | { readonly kind: 'save'; readonly address: SessionAddress; readonly change: ChangeTexts }
  | { readonly kind: 'destroy'; readonly address: SessionAddress }
  | { readonly kind: 'revokeAll'; readonly tag: string; readonly except: string | undefined }

/** Operations of one user that wait, oldest first. */
export type Waiting = readonly Intent<SessionOperation>[]

/** Whether something that waits will end the session, which began then. */
export function endsIt(waiting: Waiting, digest: string, createdMs: number): boolean {
  return waiting.some(({ operation, stamp }) => {
    if (operation.kind === 'destroy') return operation.address.digest === digest
    if (operation.kind !== 'revokeAll' || operation.except === digest) return false
    return createdMs * 1000 <= stampUs(stamp)
  })
}

/** A session as it will be once what waits is done. */
export function withWaiting(waiting: Waiting, digest: string, session: StoredSession): StoredSession {
  let { fields } = session
  for (const { operation } of waiting) {
    if (operation.kind === 'save' && operation.address.digest === digest) {
      fields = changedFields(fields, operation.change)
    }
  }
  return { ...session, fields }
}

/** A session that is only there once what waits is done. */
export function waitingCreation(waiting: Waiting, digest: string, nowMs: number): StoredSession | undefined {
  for (const { operation, stamp } of waiting) {
    if (operation.kind !== 'create' || operation.address.digest !== digest) continue
    const { about, fields } = operation.session
    const createdMs = Math.min(nowMs, stampUs(stamp) / 1000)
    return withWaiting(waiting, digest, { createdMs, seenMs: nowMs, about, fields, nowMs })
  }
  return undefined
}
