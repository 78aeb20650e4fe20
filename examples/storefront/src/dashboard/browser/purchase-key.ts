const KEY_BYTES = 16

/** A name that no other purchase has. Not `randomUUID`, which pages without TLS are denied. */
export function purchaseKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(KEY_BYTES))
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
