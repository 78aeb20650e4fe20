import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ServerCertificate } from './certificates.js'

export interface ServerFiles {
  /** Removed when the server stops. */
  root: string
  /** What the server stores; emptied by a restart that does not keep it. */
  data: string
  config: string
  /** The admin's way in. A unix socket's path has room for about 100 bytes. */
  socket: string
  tls: Readonly<Record<keyof ServerCertificate, string>>
}

export async function createServerFiles(certificate?: ServerCertificate): Promise<ServerFiles> {
  const root = await mkdtemp(join(tmpdir(), 'stayfast-server-'))
  const files: ServerFiles = {
    root,
    data: join(root, 'data'),
    config: join(root, 'redis.conf'),
    socket: join(root, 'admin.sock'),
    tls: {
      ca: join(root, 'ca.pem'),
      certificate: join(root, 'server.pem'),
      key: join(root, 'server-key.pem'),
    },
  }
  await mkdir(files.data)
  if (certificate) {
    await writeFile(files.tls.ca, certificate.ca)
    await writeFile(files.tls.certificate, certificate.certificate)
    await writeFile(files.tls.key, certificate.key, { mode: 0o600 })
  }
  return files
}

export async function emptyData(files: ServerFiles): Promise<void> {
  await rm(files.data, { recursive: true, force: true })
  await mkdir(files.data)
}
