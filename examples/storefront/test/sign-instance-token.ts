import { createHmac } from 'node:crypto'

/** A token as an app market makes it; `signed` says what the signature covers. */
export function signInstanceToken(
  payload: unknown,
  secret: string,
  signed: 'encoded payload' | 'json' = 'encoded payload',
): string {
  const json = JSON.stringify(payload)
  const encoded = Buffer.from(json).toString('base64url')
  const signature = createHmac('sha256', secret).update(signed === 'json' ? json : encoded)
  return `${signature.digest('base64url')}.${encoded}`
}
