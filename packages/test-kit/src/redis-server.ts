import { readFileSync } from 'node:fs'
import { AdminConnection, type CommandArgument } from './admin-connection.js'
import { type ServerCertificate, serverCertificate } from './certificates.js'
import { countCommands } from './command-count.js'
import { eventually } from './eventually.js'
import { findRedisServer } from './find-redis-server.js'
import { Guard } from './guard.js'
import type { GuardedChild } from './guarded-child.js'
import { launch, launchOnPort, startTimeoutMs, type LaunchParts } from './launch-server.js'
import { adminAccess, adminClients } from './redis-config.js'
import { checkRedisServerOptions, type RedisServerOptions } from './redis-server-options.js'
import { createServerFiles, emptyData } from './server-files.js'
import { type ServerRole, standalone } from './server-role.js'
import type { TeardownHost } from './teardown.js'

export interface RestartOptions {
  /** Needs `appendOnly`; without it the server comes back empty. */
  keepData?: boolean
}

interface ServerParts extends LaunchParts {
  child: GuardedChild
  port: number
  certificate: ServerCertificate | undefined
}

/** While it loads, the server pauses this long after each key, and answers between two keys. */
const loadingPauseMs = 10

/** Starts a redis-server on a loopback port; resolves when it accepts connections. */
export function startRedisServer(
  options: RedisServerOptions = {},
  owner?: TeardownHost,
): Promise<RedisServer> {
  return startServer(options, standalone, owner)
}

/** The same in any role: the rigs of several servers start theirs with this. */
export async function startServer(
  options: RedisServerOptions,
  role: ServerRole,
  owner?: TeardownHost,
): Promise<RedisServer> {
  checkRedisServerOptions(options)
  const binary = await findRedisServer()
  const certificate = options.tls ? await serverCertificate(options.tlsHost) : undefined
  const files = await createServerFiles(certificate)
  const guard = new Guard(files.root)
  const parts = { binary, files, guard, admin: adminAccess(binary, files, options), options, role }
  const launched = await launchOnPort(parts).catch(async (error: unknown) => {
    await guard.release()
    throw error
  })
  const server = new RedisServer({ ...parts, certificate, ...launched })
  owner?.teardown(() => server.stop())
  try {
    await server.takeAdminSeat()
    if (options.replicaOf) await server.followPrimary()
    return server
  } catch (error) {
    await server.stop()
    throw error
  }
}

/** A redis-server of this test's own, and the switches to hurt it. */
export class RedisServer {
  readonly host = '127.0.0.1'
  readonly port: number
  /** redis:// or rediss:// with the credentials. */
  readonly url: string
  /** PEM of the authority behind a TLS server. */
  readonly ca?: string
  readonly #parts: ServerParts
  readonly #admin: AdminConnection
  readonly #earlierLogs: string[] = []
  #child: GuardedChild
  #frozen = false
  #memoryLimits: [string, string] | undefined
  #stopped: Promise<void> | undefined

  /** Use `startRedisServer`. */
  constructor(parts: ServerParts) {
    this.#parts = parts
    this.#child = parts.child
    this.#admin = new AdminConnection(parts.admin)
    this.port = parts.port
    this.url = serverUrl(this.host, parts.port, parts.options)
    if (parts.certificate) this.ca = parts.certificate.ca
  }

  get pid(): number {
    return this.#child.pid
  }

  /** False between `kill()` and `restart()`; a frozen server runs. */
  get running(): boolean {
    return this.#child.running
  }

  /** True when it runs and is not frozen. */
  get awake(): boolean {
    return this.running && !this.#frozen
  }

  /** All that the server has logged, restarts included. */
  logs(): string {
    return [...this.#earlierLogs, ...this.#child.lines.map((line) => line.text)].join('\n')
  }

  /** A command of the test's own, as an all-powerful user; never counted. Replies have RESP2's shape. */
  command(name: CommandArgument, ...args: CommandArgument[]): Promise<unknown> {
    return this.#admin.command(name, ...args)
  }

  /**
   * The commands that clients sent while `work` ran, by lower-case name: what a script calls does not count, nor
   * does the admin. Refused ones (wrong arity, no permission, READONLY, OOM) count; names the server does not
   * know do not.
   *
   * `work` has to wait for what it starts.
   */
  async countCommands(work: () => Promise<unknown>): Promise<Record<string, number>> {
    const { maxClients } = this.#parts.options
    if (maxClients === undefined) return countCommands(this.#admin, work)
    // MONITOR needs a connection beside the clients' own.
    await this.command('config', 'set', 'maxclients', maxClients + adminClients + 1)
    try {
      return await countCommands(this.#admin, work)
    } finally {
      await this.command('config', 'set', 'maxclients', maxClients + adminClients)
    }
  }

  /** SIGSTOP: connections stay open and nothing answers; the kernel still accepts bytes. */
  freeze(): void {
    this.#mustRun('freeze')
    this.#child.signal('SIGSTOP')
    waitUntilFrozen(this.pid)
    this.#frozen = true
  }

  /** SIGCONT: what arrived meanwhile is answered. */
  thaw(): void {
    this.#mustRun('thaw')
    this.#child.signal('SIGCONT')
    this.#frozen = false
  }

  /** SIGKILL: connections are reset and the port refuses. */
  async kill(): Promise<void> {
    this.#admin.close()
    await this.#child.destroy()
    this.#frozen = false
  }

  /** Kills it, if need be, and starts it on the same port. */
  async restart({ keepData = false }: RestartOptions = {}): Promise<void> {
    if (keepData && !this.#parts.options.appendOnly) {
      throw new Error('restart({ keepData: true }) needs a server started with appendOnly: true.')
    }
    await this.kill()
    if (!keepData) await emptyData(this.#parts.files)
    await this.#relaunch()
  }

  /**
   * Restarts with the data it has and answers LOADING for about that long; resolves when it does so. The port and
   * the data are the same afterwards; clients are disconnected.
   */
  async startLoading(forMs: number): Promise<void> {
    const pauses = Math.ceil(forMs / loadingPauseMs)
    // The server looks at its connections after each kilobyte it loads. The fillers are gone when it is done:
    // what has expired is read, and not kept.
    await this.command('eval', fillerScript, 0, pauses)
    await this.command('config', 'set', 'rdbcompression', 'no')
    await this.command('save')
    await this.kill()
    const loading = [
      '--key-load-delay',
      `${loadingPauseMs * 1000}`,
      '--loading-process-events-interval-bytes',
      '1024',
    ]
    await this.#relaunch([...loading, '--appendonly', 'no'], /Loading RDB|DB loaded/)
  }

  /** Resolves when it has loaded its data and takes commands. */
  async whenReady(): Promise<void> {
    await this.#child.waitForLine(this.#parts.role.ready, startTimeoutMs * 6)
    if (this.#parts.options.appendOnly) await this.#appendAgain()
  }

  /** Writes are refused with READONLY, as on a primary that lost its role; reads go on. */
  async becomeReadOnly(): Promise<void> {
    await this.command('replicaof', '127.0.0.1', 1)
  }

  async becomeWritable(): Promise<void> {
    await this.command('replicaof', 'no', 'one')
  }

  /** Writes that need memory are refused with OOM until `freeMemory()`; nothing is evicted. */
  async fillMemory(): Promise<void> {
    this.#memoryLimits ??= [await this.#setting('maxmemory'), await this.#setting('maxmemory-policy')]
    await this.command('config', 'set', 'maxmemory-policy', 'noeviction')
    await this.command('config', 'set', 'maxmemory', 1)
  }

  async freeMemory(): Promise<void> {
    if (!this.#memoryLimits) return
    const [limit, policy] = this.#memoryLimits
    this.#memoryLimits = undefined
    await this.command('config', 'set', 'maxmemory', limit)
    await this.command('config', 'set', 'maxmemory-policy', policy)
  }

  /** Kills it and removes everything it left. */
  stop(): Promise<void> {
    this.#stopped ??= this.kill().then(() => this.#parts.guard.release())
    return this.#stopped
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  /** With `maxClients` there is one connection for the admin, which the clients must not take first. */
  async takeAdminSeat(): Promise<void> {
    if (this.#parts.options.maxClients === undefined) return
    // An error, such as LOADING, is an answer: it is seated.
    await this.command('ping').catch(() => undefined)
  }

  /** Waits until a replica has its primary's data. A restarted one may find its primary gone, and does not wait. */
  async followPrimary(): Promise<void> {
    await eventually(async () =>
      /master_link_status:up/.test(String(await this.command('info', 'replication'))),
    )
  }

  async #relaunch(args?: readonly string[], until?: RegExp): Promise<void> {
    this.#memoryLimits = undefined
    this.#earlierLogs.push(...this.#child.lines.map((line) => line.text))
    this.#child = await launch(this.#parts, args, until)
    await this.takeAdminSeat()
  }

  /** After loading from a snapshot the append-only file starts anew. */
  async #appendAgain(): Promise<void> {
    await this.command('config', 'set', 'appendonly', 'yes')
    await eventually(async () => {
      const state = String(await this.command('info', 'persistence'))
      return /aof_rewrite_in_progress:0/.test(state) && /aof_rewrite_scheduled:0/.test(state)
    })
  }

  async #setting(name: string): Promise<string> {
    const reply = await this.command('config', 'get', name)
    return Array.isArray(reply) ? String(reply[1]) : ''
  }

  #mustRun(what: string): void {
    if (!this.#child.running)
      throw new Error(`Cannot ${what} a server that is not running; restart() it first.`)
  }
}

/**
 * KEYS none, ARGV[1] number of keys. One call, so that the first has not expired before the last is written.
 */
const fillerScript = `
for i = 1, ARGV[1] do
  redis.call('SET', 'stayfast:loading:' .. i, string.rep('x', 1100), 'PX', 250)
end`

function serverUrl(host: string, port: number, { tls, username, password }: RedisServerOptions): string {
  const secret =
    password === undefined ? '' : `${encodeURIComponent(username ?? '')}:${encodeURIComponent(password)}@`
  return `${tls ? 'rediss' : 'redis'}://${secret}${host}:${port}`
}

/** The signal is on its way when kill(2) returns; on Linux we can see it arrive. */
function waitUntilFrozen(pid: number): void {
  if (process.platform !== 'linux') return
  while (!/\) T /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) {
    // A few microseconds at most.
  }
}
