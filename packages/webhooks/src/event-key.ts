import { createHash } from 'node:crypto'

/** What makes an event the same event: its sender, its tenant, and the id that the sender gave it. */
export interface EventKey {
  readonly provider: string
  readonly tenantId: string
  readonly id: string
}

/**
 * The same for all repetitions of an event and all runs of its handler, and for no other event. It is the
 * id of the event in the queue, where neither colons nor digits alone may stand.
 */
export function idempotencyTokenOf({ provider, tenantId, id }: EventKey): string {
  const hash = createHash('sha256')
  for (const part of [provider, tenantId, id]) hash.update(`${Buffer.byteLength(part)}:`).update(part)
  return `wh_${hash.digest('base64url')}`
}
