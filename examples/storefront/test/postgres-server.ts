import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'

export interface PostgresServer {
  /** What answers: a real server, or PGlite behind a socket where none is installed. */
  kind: 'postgres' | 'pglite'
  url: string
  stop(): Promise<void>
}

const run = promisify(execFile)
const DEBIAN = '/usr/lib/postgresql'
const START_WITHIN_MS = 20_000

/** An empty Postgres on a free port of this machine. */
export async function startPostgres(): Promise<PostgresServer> {
  const binaries = await findBinaries()
  return binaries === undefined ? startPglite() : startReal(binaries)
}

/** PGlite has one session, so a transaction of one client holds up the others; it has no crashes to test either. */
export async function startPglite(): Promise<PostgresServer> {
  const db = await PGlite.create()
  const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port: 0, maxConnections: 100 })
  await server.start()
  return {
    kind: 'pglite',
    url: `postgres://postgres@${server.getServerConn()}/postgres`,
    stop: async () => {
      await server.stop()
      await db.close()
    },
  }
}

async function startReal(binaries: string): Promise<PostgresServer> {
  const directory = await mkdtemp(join(tmpdir(), 'storefront-postgres-'))
  const owner = await unprivilegedUser()
  if (owner !== undefined) await chown(directory, owner.uid, owner.gid)
  const data = join(directory, 'data')
  await run(
    join(binaries, 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync'],
    {
      cwd: directory,
      ...owner,
    },
  )
  const port = await freePort()
  const settings = [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${directory}`,
    'fsync=off',
  ]
  const server = spawn(
    join(binaries, 'postgres'),
    ['-D', data, ...settings.flatMap((setting) => ['-c', setting])],
    {
      cwd: directory,
      stdio: 'ignore',
      ...owner,
    },
  )
  const exited = once(server, 'exit')
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  const stop = async (): Promise<void> => {
    // Fast shutdown: it does not wait for clients to leave.
    server.kill('SIGINT')
    await exited
    await rm(directory, { recursive: true, force: true })
  }
  try {
    await answering(url)
  } catch (error) {
    await stop()
    throw error
  }
  return { kind: 'postgres', url, stop }
}

async function findBinaries(): Promise<string | undefined> {
  const versions = await namesIn(DEBIAN)
  const installed = versions
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(DEBIAN, version, 'bin'))
  for (const directory of [...installed, ...(process.env['PATH'] ?? '').split(delimiter)]) {
    const names = await namesIn(directory)
    if (names.includes('postgres') && names.includes('initdb')) return directory
  }
  return undefined
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch {
    return []
  }
}

/** Postgres does not run as root. */
async function unprivilegedUser(): Promise<{ uid: number; gid: number } | undefined> {
  if (userInfo().uid !== 0) return undefined
  for (const name of ['postgres', 'nobody']) {
    const ids = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]).catch(() => undefined)
    if (ids !== undefined) return { uid: Number(ids[0].stdout), gid: Number(ids[1].stdout) }
  }
  throw new Error('running as root, and there is no user postgres or nobody to run Postgres as')
}

async function answering(url: string): Promise<void> {
  const deadlineMs = performance.now() + START_WITHIN_MS
  for (;;) {
    const client = new pg.Client({ connectionString: url })
    try {
      await client.connect()
      await client.end()
      return
    } catch (error) {
      if (performance.now() > deadlineMs) throw error
      await sleep(50)
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
  return address.port
}
