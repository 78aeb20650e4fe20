import { randomUUID } from 'node:crypto'
import type { AdminConnection } from './admin-connection.js'
import type { MonitorStream } from './monitor-stream.js'

const markerTimeoutMs = 10_000

/**
 * What clients have the server do, as MONITOR shows it: each command with its source, which is a client's
 * address, `lua` for what a script calls, or our own unix socket.
 */
export class CommandFeed {
  readonly #admin: AdminConnection
  readonly #monitor: MonitorStream
  readonly #markers = new Map<string, () => void>()
  readonly #lost: Promise<never>
  #seen = 0
  #counts = new Map<string, number>()

  private constructor(admin: AdminConnection, monitor: MonitorStream) {
    this.#admin = admin
    this.#monitor = monitor
    monitor.on('command', ({ name, firstArgument, source }) => {
      if (source.startsWith('unix:')) this.#markers.get(firstArgument)?.()
      else if (source !== 'lua') this.#note(name.toLowerCase())
    })
    this.#lost = new Promise((_resolve, reject) => {
      const lose = (): void =>
        reject(
          new Error(
            'The server went away while its commands were counted; count before or after, not across.',
          ),
        )
      monitor.on('end', lose)
    })
    this.#lost.catch(() => undefined)
  }

  static async open(admin: AdminConnection): Promise<CommandFeed> {
    return new CommandFeed(admin, await admin.monitor())
  }

  /** Commands seen so far. */
  get seen(): number {
    return this.#seen
  }

  /** The counts by name since the last call. */
  take(): Map<string, number> {
    const counts = this.#counts
    this.#counts = new Map()
    return counts
  }

  /** Resolves when everything that reached the server before this call has been seen. */
  async catchUp(): Promise<void> {
    const id = randomUUID()
    let timer: NodeJS.Timeout | undefined
    const shown = new Promise<void>((resolve, reject) => {
      this.#markers.set(id, resolve)
      timer = setTimeout(
        () =>
          reject(
            new Error(`MONITOR did not show a marker within ${markerTimeoutMs} ms; is the server frozen?`),
          ),
        markerTimeoutMs,
      )
    })
    try {
      await Promise.race([Promise.all([shown, this.#admin.command('echo', id)]), this.#lost])
    } finally {
      clearTimeout(timer)
      this.#markers.delete(id)
    }
  }

  close(): void {
    this.#monitor.close()
  }

  #note(name: string): void {
    this.#seen++
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
  }
}
