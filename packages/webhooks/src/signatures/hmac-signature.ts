import { createHmac, timingSafeEqual } from 'node:crypto'

/** How a signature is made of a content and a secret. */
export interface HmacRule {
  readonly algorithm: 'sha1' | 'sha256' | 'sha512'
  readonly encoding: 'hex' | 'base64'
}

function equals(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)]
  return left.length === right.length && timingSafeEqual(left, right)
}

/**
 * Whether one of the signatures was made of this content with one of the secrets. All are compared,
 * each in constant time: how long it takes tells neither which secret fits nor how much of a guess.
 *
 * @param content - What was signed, in parts.
 * @param signatures - As they were sent, without prefix.
 */
export function hmacMatches(
  content: readonly (string | Buffer)[],
  signatures: readonly string[],
  secrets: readonly string[],
  { algorithm, encoding }: HmacRule,
): boolean {
  let matches = false
  for (const secret of secrets) {
    const hmac = createHmac(algorithm, secret)
    for (const part of content) hmac.update(part)
    const expected = hmac.digest(encoding)
    for (const signature of signatures) {
      const given = encoding === 'hex' ? signature.toLowerCase() : signature
      if (equals(expected, given)) matches = true
    }
  }
  return matches
}
