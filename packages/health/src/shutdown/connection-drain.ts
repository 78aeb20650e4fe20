import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { ServerHttp2Session } from 'node:http2'

/** How connections are brought to an end. */
export interface ConnectionDrainOptions {
  readonly server: Server
  /** Called when requests are cut off. */
  readonly onCut: (requests: number) => void
}

/** A connection that becomes idle is closed within this time. */
const closeIdleEveryMs = 50
/** While no request is under way, a connection that stays silent for so long will not make one. */
const silentMs = 1000

/**
 * Brings the connections of a server to an end without dropping a request.
 *
 * `server.close()` alone waits for every keep-alive connection to time out: it closes those that are idle
 * at that moment, not those that become idle later, nor those on which nothing was ever sent.
 */
export class ConnectionDrain {
  readonly #options: ConnectionDrainOptions
  readonly #underWay = new Set<ServerResponse>()
  readonly #sessions = new Set<ServerHttp2Session>()
  #draining = false
  #closing: NodeJS.Timeout | undefined
  #cut: NodeJS.Timeout | undefined

  constructor(options: ConnectionDrainOptions) {
    this.#options = options
    // Before the handler of the app: whatever it does, hijacking included, the header is there.
    options.server.prependListener('request', this.#onRequest)
    options.server.on('session', this.#onSession)
  }

  get listening(): boolean {
    return this.#options.server.listening
  }

  /** From now on each answer asks its client to connect anew, which then finds another process. */
  start(): void {
    this.#draining = true
    for (const response of this.#underWay) askToClose(response)
  }

  /** Takes no new connections, and goes on serving those that there are. */
  stopListening(): void {
    if (this.listening) this.#options.server.close()
  }

  /** Closes connections as they become idle, and after `withinMs` all that are left. */
  closeConnections(withinMs: number): void {
    const { server, onCut } = this.#options
    const hasConnections = 'closeIdleConnections' in server
    let silentSinceMs = performance.now()
    this.#closing = setInterval(() => {
      // Told so, an HTTP/2 client makes no more requests, and its session ends with the last of those under way.
      for (const session of this.#sessions) if (!session.closed) session.close()
      if (!hasConnections) return
      server.closeIdleConnections()
      if (this.#underWay.size > 0) silentSinceMs = performance.now()
      else if (performance.now() - silentSinceMs > silentMs) server.closeAllConnections()
    }, closeIdleEveryMs)
    this.#cut = setTimeout(() => {
      if (this.#underWay.size > 0) onCut(this.#underWay.size)
      for (const session of this.#sessions) session.destroy()
      if (hasConnections) server.closeAllConnections()
    }, withinMs)
  }

  stop(): void {
    clearInterval(this.#closing)
    clearTimeout(this.#cut)
    this.#options.server.off('request', this.#onRequest)
    this.#options.server.off('session', this.#onSession)
  }

  readonly #onSession = (session: ServerHttp2Session): void => {
    this.#sessions.add(session)
    session.once('close', () => this.#sessions.delete(session))
  }

  readonly #onRequest = (_request: IncomingMessage, response: ServerResponse): void => {
    this.#underWay.add(response)
    response.once('close', () => this.#underWay.delete(response))
    if (this.#draining) askToClose(response)
  }
}

/** HTTP/2 says it by a frame of its own, and knows no such header. */
function askToClose(response: ServerResponse): void {
  if (!response.headersSent && response.req.httpVersionMajor < 2) response.setHeader('connection', 'close')
}
