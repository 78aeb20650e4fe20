import { EventEmitter } from 'node:events'
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'

/** One command that the server ran. */
export interface MonitoredCommand {
  readonly name: string
  /** As MONITOR escapes it. */
  readonly firstArgument: string
  /** A client's address, `lua`, or a path. */
  readonly source: string
}

interface MonitorEvents {
  command: [MonitoredCommand]
  end: []
}

const line = /^\+\d+\.\d+ \[\d+ ([^\]]+)\] "((?:[^"\\]|\\.)*)"(?: "((?:[^"\\]|\\.)*)")?/

/**
 * MONITOR over a socket of its own. ioredis takes the first commands for replies to commands of its
 * own when they arrive together with the OK, which on a busy server they do.
 */
export class MonitorStream extends EventEmitter<MonitorEvents> {
  readonly #socket: Socket

  private constructor(socket: Socket) {
    super()
    this.#socket = socket
  }

  /** @param preamble - Commands to send before MONITOR, such as AUTH, as inline text. */
  static async open(path: string, preamble: readonly string[], monitorName: string): Promise<MonitorStream> {
    const socket = connect(path)
    const stream = new MonitorStream(socket)
    await new Promise<void>((resolve, reject) => {
      let awaited = preamble.length + 1
      socket.on('error', reject)
      socket.on('close', () => {
        reject(new Error('The server closed the connection before it monitored.'))
        stream.emit('end')
      })
      createInterface(socket).on('line', (text) => {
        if (awaited > 0) {
          awaited -= 1
          if (text.startsWith('-')) reject(new Error(text.slice(1)))
          else if (awaited === 0) resolve()
          return
        }
        const [, source, name, firstArgument = ''] = line.exec(text) ?? []
        if (source !== undefined && name !== undefined)
          stream.emit('command', { name, firstArgument, source })
      })
      socket.write([...preamble, monitorName].map((command) => `${command}\r\n`).join(''))
    })
    return stream
  }

  close(): void {
    this.#socket.destroy()
  }
}
