import type { FieldTexts, StoredSession } from './session-store.js'

/** Takes a reply of the load script apart; undefined when it is no session. */
export function parseStoredSession(reply: string): StoredSession | undefined {
  if (reply === '') return undefined
  const lines = reply.split('\n')
  const fields = new Map<string, string>()
  let createdMs = Number.NaN
  let seenMs = Number.NaN
  let about = ''
  for (let at = 0; at + 1 < lines.length; at += 2) {
    const name = lines[at] ?? ''
    const value = lines[at + 1] ?? ''
    if (name.startsWith('f:')) {
      const text = value.slice(value.indexOf(' ') + 1)
      const field = text === '' ? undefined : fieldName(name)
      if (field !== undefined) fields.set(field, text)
    } else if (name === 'c') createdMs = Number(value)
    else if (name === 's') seenMs = Number(value)
    else if (name === 'm') about = value
  }
  const nowMs = Number(lines.at(-1))
  return Number.isFinite(createdMs + seenMs + nowMs)
    ? { createdMs, seenMs, about, fields: fields satisfies FieldTexts, nowMs }
    : undefined
}

function fieldName(hashField: string): string | undefined {
  // Most names need no escaping, and JSON.parse is slower than a slice.
  if (!hashField.includes('\\')) return hashField.slice(3, -1)
  try {
    const name: unknown = JSON.parse(hashField.slice(2))
    return typeof name === 'string' ? name : undefined
  } catch {
    return undefined
  }
}
