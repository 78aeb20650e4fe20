import { createHmac, timingSafeEqual } from 'node:crypto'
import { InstanceReferenceInvalidError, InstanceTokenRefusedError } from '../errors.js'

/** Of each part without the padding, which not every language leaves out. */
const TOKEN = /^([\w-]+)={0,2}\.([\w-]+)(={0,2})$/

/** Whether `value` looks like a token; whether it is one, `verifyInstanceToken` says. */
export function isTokenShaped(value: string): boolean {
  return TOKEN.test(value)
}

/**
 * The payload of `base64url(HMAC-SHA256(payload, secret)).base64url(payload)`, as app markets hand it to the
 * page they open. The signature may cover the payload as it is written in the token (as Wix does it) or the
 * JSON itself: one never passes for the other, as JSON of an object is not base64url.
 *
 * Throws `SHOP_INSTANCE_TOKEN_REFUSED` unless the signature is right.
 */
export function verifyInstanceToken(token: string, secret: string | undefined): Record<string, unknown> {
  if (secret === undefined) {
    throw new InstanceTokenRefusedError(
      'this server has no APP_SECRET to verify it with; set it to the secret of the app',
    )
  }
  const [, signature = '', encoded = '', padding = ''] = TOKEN.exec(token) ?? []
  const json = Buffer.from(encoded, 'base64url').toString()
  const payloads = [encoded, encoded + padding, json]
  if (!payloads.some((payload) => isSignatureOf(payload, signature, secret))) {
    throw new InstanceTokenRefusedError(
      'its signature is not of this app; open the page from the app market again',
    )
  }
  const payload = parsed(json)
  if (!isRecord(payload))
    throw new InstanceReferenceInvalidError('The payload of the instance token is no JSON object')
  return payload
}

function isSignatureOf(content: string, signature: string, secret: string): boolean {
  const given = Buffer.from(signature, 'base64url')
  const right = hmac(content, secret)
  return given.length === right.length && timingSafeEqual(given, right)
}

function hmac(content: string, secret: string): Buffer {
  return createHmac('sha256', secret).update(content).digest()
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
