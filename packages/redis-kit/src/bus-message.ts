/** What goes over the bus, as JSON. */
export interface Message {
  readonly id: string
  readonly from: string
  readonly topic: string
  readonly payload: string
  /** Nobody waits for a confirmation. */
  readonly quiet?: boolean
}

function isMessage(value: unknown): value is Message {
  return (
    typeof value === 'object' &&
    value !== null &&
    'id' in value &&
    typeof value.id === 'string' &&
    'from' in value &&
    typeof value.from === 'string' &&
    'topic' in value &&
    typeof value.topic === 'string' &&
    'payload' in value &&
    typeof value.payload === 'string'
  )
}

/** Undefined for what is none: others may publish on the channel too. */
export function parseMessage(text: string): Message | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isMessage(value) ? value : undefined
  } catch {
    return undefined
  }
}
