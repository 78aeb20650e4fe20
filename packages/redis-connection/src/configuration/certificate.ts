import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { redisConfigError, type RedisConfigError } from '../errors.js'

const CERTIFICATE = /-----BEGIN CERTIFICATE-----([\s\S]+?)-----END CERTIFICATE-----/g
const REMEDY =
  'Give the authority as PEM text, as PEM with \\n for its line breaks, as base64 of the PEM, or as the path of a PEM file.'

/**
 * Reads certificates the way they survive in environment variables: PEM, PEM on one line (`\n` written out,
 * or spaces for line breaks), base64 of PEM, or the path of a file.
 *
 * @param source what to call it in messages
 * @returns PEM that TLS accepts, one or several certificates
 * @throws STAY_REDIS_CONFIG_INVALID_CA
 */
export function readCertificates(text: string, source: string): string {
  const pem = text.includes('-----BEGIN') ? text : (decodeBase64(text) ?? readPemFile(text, source))
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) {
    throw invalid(source, 'holds a private key.', 'Nothing here needs the key of an authority.')
  }
  const certificates = [...pem.replaceAll('\\n', '\n').matchAll(CERTIFICATE)].map(([, body = '']) =>
    toPem(body),
  )
  if (certificates.length === 0)
    throw invalid(source, 'holds no certificate.', 'TLS could not check the server by it.')
  try {
    for (const certificate of certificates) new X509Certificate(certificate)
  } catch (cause) {
    throw invalid(
      source,
      'holds a certificate that cannot be read.',
      'It was cut short or changed on its way.',
      cause,
    )
  }
  return certificates.join('')
}

function toPem(body: string): string {
  const lines = body.replaceAll(/\s+/g, '').match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}

function decodeBase64(text: string): string | undefined {
  if (!/^[A-Za-z0-9+/=\s_-]+$/.test(text)) return undefined
  const decoded = Buffer.from(text, 'base64').toString('latin1')
  return decoded.includes('-----BEGIN') ? decoded : undefined
}

function readPemFile(path: string, source: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    // The cause would name the path, and what was taken for one may be anything.
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'an error'
    throw invalid(
      source,
      `is no PEM, and as the path of a file it gave ${code}.`,
      'TLS could not check the server by it.',
    )
  }
}

function invalid(source: string, what: string, why: string, cause?: unknown): RedisConfigError {
  return redisConfigError('STAY_REDIS_CONFIG_INVALID_CA', {
    what: `${source} ${what}`,
    why,
    remedy: REMEDY,
    cause,
  })
}
