import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import { freePort, startProcess, type TeardownHost } from '@stayfast/test-kit'
import { execFile } from 'node:child_process'
import { chown, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

export interface PostgresServer {
  /** What answers: a real server, or PGlite behind a socket where none is installed. */
  kind: 'postgres' | 'pglite'
  url: string
}

const run = promisify(execFile)
const DEBIAN = '/usr/lib/postgresql'
const START_WITHIN_MS = 20_000

/** An empty Postgres on a free port of this machine, gone with its owner. */
export async function startPostgres(owner: TeardownHost): Promise<PostgresServer> {
  const binaries = await findBinaries()
  return binaries === undefined ? startPglite(owner) : startReal(binaries, owner)
}

/** PGlite has one session: the transaction of one client holds up the others, and no session can be ended. */
export async function startPglite(owner: TeardownHost): Promise<PostgresServer> {
  const db = await PGlite.create()
  const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port: 0, maxConnections: 100 })
  owner.teardown(async () => {
    await server.stop()
    await db.close()
  })
  await server.start()
  return { kind: 'pglite', url: `postgres://postgres@${server.getServerConn()}/postgres` }
}

async function startReal(binaries: string, owner: TeardownHost): Promise<PostgresServer> {
  const directory = await mkdtemp(join(tmpdir(), 'storefront-postgres-'))
  owner.teardown(() => rm(directory, { recursive: true, force: true }))
  const user = await unprivilegedUser()
  if (user !== undefined) await chown(directory, user.uid, user.gid)
  const as =
    user === undefined
      ? []
      : ['setpriv', `--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups', '--']
  const data = join(directory, 'data')
  const command = [
    ...as,
    join(binaries, 'initdb'),
    '-D',
    data,
    '-U',
    'postgres',
    '-A',
    'trust',
    '-E',
    'UTF8',
    '-N',
  ]
  const [initdb = '', ...options] = command
  await run(initdb, options, { cwd: directory })

  const port = await freePort()
  const settings = [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${directory}`,
    'fsync=off',
    'logging_collector=off',
  ]
  const [postgres = '', ...flags] = [
    ...as,
    join(binaries, 'postgres'),
    ...['-D', data],
    ...settings.flatMap((setting) => ['-c', setting]),
  ]
  const server = await startProcess(
    postgres,
    { args: flags, cwd: directory, readyWhen: /ready to accept connections/, timeoutMs: START_WITHIN_MS },
    owner,
  )
  // Immediate shutdown: its sessions end with it, which a kill of the parent alone would leave to themselves.
  owner.teardown(async () => {
    await server.kill('SIGQUIT')
  })
  return { kind: 'postgres', url: `postgres://postgres@127.0.0.1:${port}/postgres` }
}

async function findBinaries(): Promise<string | undefined> {
  const versions = (await namesIn(DEBIAN)).sort((a, b) => Number(b) - Number(a))
  const installed = versions.map((version) => join(DEBIAN, version, 'bin'))
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
