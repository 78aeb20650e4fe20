import { execFile } from 'node:child_process'
import { constants, statSync } from 'node:fs'
import { access } from 'node:fs/promises'
import { homedir, tmpdir, userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

export interface RedisServerBinary {
  /** Runs on its own, with no further environment. */
  path: string
  flavour: 'redis' | 'valkey'
  version: string
}

/** What Redis 6 does not know can be neither configured nor renamed there; every Valkey knows it. */
export function isBeforeRedis7({ version }: RedisServerBinary): boolean {
  return Number.parseInt(version) < 7
}

const execute = promisify(execFile)
const names = ['redis-server', 'valkey-server']
let found: Promise<RedisServerBinary> | undefined

/**
 * The redis-server of this machine: `REDIS_SERVER_BIN`, then the PATH, then what the test run installed. It looks
 * and never installs; the answer is kept for the life of the process.
 *
 * @throws an Error that names the command to run when there is none
 */
export function findRedisServer(): Promise<RedisServerBinary> {
  found ??= lookForRedisServer().then((binary) => {
    if (binary) return binary
    found = undefined
    throw new Error(noRedisServer())
  })
  return found
}

/** The same without the memory and the error. */
export async function lookForRedisServer(): Promise<RedisServerBinary | undefined> {
  const named = process.env['REDIS_SERVER_BIN']
  if (named) {
    const binary = await identify(named)
    if (!binary) {
      throw new Error(
        `REDIS_SERVER_BIN is ${named}, which is no redis-server that runs here. Set it to the path of one, or ` +
          'unset it to have one found on the PATH or installed.',
      )
    }
    return binary
  }
  const onPath = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean)
  const installed = installFolders().filter(isOurs)
  for (const folder of [...onPath, ...installed.map((folder) => join(folder, 'bin'))]) {
    for (const name of names) {
      const binary = await identify(join(folder, name))
      if (binary) return binary
    }
  }
  return undefined
}

/** Where the test run puts a server that it had to fetch, best first; both belong to this user. */
export function installFolders(): string[] {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')
  return [join(cache, 'stayfast-redis'), join(tmpdir(), `stayfast-redis-${userInfo().uid}`)]
}

/** Anybody may put a folder of that name where temporary files are. */
function isOurs(folder: string): boolean {
  return statSync(folder, { throwIfNoEntry: false })?.uid === userInfo().uid
}

/** What to do when there is no server, per system. */
export function noRedisServer(): string {
  return [
    'No redis-server was found: REDIS_SERVER_BIN is not set and there is none on the PATH. Install one:',
    '  Debian, Ubuntu: sudo apt-get install redis-server',
    '  macOS:          brew install redis',
    '  Fedora:         sudo dnf install valkey',
    'or set REDIS_SERVER_BIN to the path of a redis-server or valkey-server.',
  ].join('\n')
}

async function identify(path: string): Promise<RedisServerBinary | undefined> {
  try {
    await access(path, constants.X_OK)
    const { stdout } = await execute(path, ['--version'])
    const version = / v=(\d+\.\d+\.\d+)/.exec(stdout)?.[1]
    if (version === undefined) return undefined
    return { path, version, flavour: /^valkey/i.test(stdout) ? 'valkey' : 'redis' }
  } catch {
    // Not there or not a program: the next candidate.
    return undefined
  }
}
