import type { webcrypto } from 'node:crypto'
import type * as X509 from '@peculiar/x509'

export interface ServerCertificate {
  /** PEM of the authority that signed it: what a client trusts. */
  ca: string
  certificate: string
  key: string
}

interface Authority {
  x509: typeof X509
  keys: webcrypto.CryptoKeyPair
  certificate: X509.X509Certificate
}

const subject = 'CN=Stayfast test authority'
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const dayMs = 24 * 60 * 60 * 1000
const loopback = ['localhost', '127.0.0.1', '::1']

let authority: Promise<Authority> | undefined
const issued = new Map<string, Promise<ServerCertificate>>()

/**
 * A server certificate signed by an authority that exists in this process alone; made once per host.
 *
 * @param host the only name it is valid for; without it localhost, 127.0.0.1 and ::1
 */
export function serverCertificate(host?: string): Promise<ServerCertificate> {
  const names = host === undefined ? loopback : [host]
  const key = names.join()
  const known = issued.get(key)
  if (known) return known
  authority ??= createAuthority()
  const fresh = authority.then((issuer) => issue(issuer, names))
  issued.set(key, fresh)
  return fresh
}

async function createAuthority(): Promise<Authority> {
  // Loaded here because it costs 200 ms, which tests without TLS need not pay; it asks for the polyfill first.
  await import('reflect-metadata')
  const x509 = await import('@peculiar/x509')
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: subject,
    keys,
    signingAlgorithm: algorithm,
    ...validity(),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { x509, keys, certificate }
}

async function issue(
  { x509, keys: authorityKeys, certificate: ca }: Authority,
  names: string[],
): Promise<ServerCertificate> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.create({
    subject: 'CN=Stayfast test server',
    issuer: ca.subject,
    publicKey: keys.publicKey,
    signingKey: authorityKeys.privateKey,
    signingAlgorithm: algorithm,
    ...validity(),
    extensions: [
      new x509.BasicConstraintsExtension(false),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      // A replica and a cluster node show this certificate as clients too.
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: /^[\d.]+$|:/.test(value) ? 'ip' : 'dns', value })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(ca),
    ],
  })
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', keys.privateKey)
  return {
    ca: ca.toString('pem'),
    certificate: certificate.toString('pem'),
    key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'),
  }
}

/** From yesterday, so that a clock a little behind accepts it. */
function validity(): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Date.now() - dayMs), notAfter: new Date(Date.now() + 7 * dayMs) }
}
