import { Redis } from 'ioredis'
import { MonitorStream } from './monitor-stream.js'

export type CommandArgument = string | number | Buffer

export interface AdminAccess {
  /** A unix socket: it needs no TLS, and MONITOR shows who came through it. */
  socketPath: string
  username: string
  password: string
  /** Commands that the server knows under another name, so that only the admin can call them. */
  hidden: ReadonlyMap<string, string>
}

/** Long enough for a save of everything a test stores, short enough to end a test that forgot to thaw. */
const commandTimeoutMs = 30_000

/** The test's own way into a server: another user, another socket, out of the counts. */
export class AdminConnection {
  readonly #access: AdminAccess
  readonly #sent = new Map<string, number>()
  #client: Redis | undefined
  #opening: Promise<Redis> | undefined

  constructor(access: AdminAccess) {
    this.#access = access
  }

  /** Replies have RESP2's shape, as in redis-cli. */
  async command(name: CommandArgument, ...args: CommandArgument[]): Promise<unknown> {
    const client = await this.#open()
    const plain = String(name).toLowerCase()
    this.#note(plain)
    if (args[0] !== undefined) this.#note(`${plain}|${String(args[0]).toLowerCase()}`)
    return client.call(this.#access.hidden.get(plain) ?? plain, ...args)
  }

  /** How often this connection has sent each command, both as `config` and as `config|get`. */
  sentSoFar(): Map<string, number> {
    return new Map(this.#sent)
  }

  /** A second connection that shows every command the server runs. */
  monitor(): Promise<MonitorStream> {
    const { socketPath, username, password, hidden } = this.#access
    return MonitorStream.open(
      socketPath,
      [`AUTH ${username} ${password}`],
      hidden.get('monitor') ?? 'MONITOR',
    )
  }

  close(): void {
    this.#client?.disconnect()
    this.#client = undefined
    this.#opening = undefined
  }

  #note(name: string): void {
    this.#sent.set(name, (this.#sent.get(name) ?? 0) + 1)
  }

  #open(): Promise<Redis> {
    this.#opening ??= this.#connect()
    return this.#opening
  }

  async #connect(): Promise<Redis> {
    const { socketPath: path, username, password } = this.#access
    const client = new Redis({
      path,
      username,
      password,
      protocol: 2,
      lazyConnect: true,
      disableClientInfo: true,
      enableReadyCheck: false,
      maxRetriesPerRequest: 0,
      commandTimeout: commandTimeoutMs,
      retryStrategy: () => null,
    })
    this.#client = client
    const lost = (): void => {
      if (this.#client === client) this.close()
    }
    client.on('error', lost)
    client.on('end', lost)
    await client.connect()
    return client
  }
}
