import { Agent, type IncomingMessage, request } from 'node:http'
import { performance } from 'node:perf_hooks'

export interface Answer {
  /** 0 when there was none. */
  status: number
  /** Whether it said when to try again. */
  retryAfter: boolean
  /** What it set, as it was sent. */
  cookies: readonly string[]
  body: string
  milliseconds: number
}

export interface Ask {
  method: 'GET' | 'POST' | 'PUT'
  path: string
  /** An object is sent as JSON, a text as the JSON that it is. */
  body?: object | string
  headers?: Readonly<Record<string, string>>
}

/** Longer than any answer may take; what has not come by then counts as no answer. */
const patienceMs = 15_000

/** Of the addresses of this machine, those that visitors come from: limits go by address. */
const visitorAddresses: readonly string[] = Array.from({ length: 64 }, (_, index) => `127.0.1.${index + 1}`)

/** Asks one process over connections that are kept, as a proxy in front of it would. */
export class HttpClient {
  readonly #url: URL
  readonly #agent = new Agent({ keepAlive: true })
  readonly #addresses: readonly string[]
  #turn = 0

  /** @param addresses where it asks from, in turns */
  constructor(url: URL, addresses: readonly string[] = visitorAddresses) {
    this.#url = url
    this.#addresses = addresses
  }

  /** Connections that are open; the process at the other end has a handle for each. */
  get connections(): number {
    return count(this.#agent.sockets) + count(this.#agent.freeSockets)
  }

  /** Always resolves. */
  ask({ method, path, body, headers = {} }: Ask): Promise<Answer> {
    const startedMs = performance.now()
    const payload = typeof body === 'object' ? JSON.stringify(body) : body
    const localAddress = this.#addresses[this.#turn++ % this.#addresses.length]
    return new Promise((resolve) => {
      const settle = (answer: Pick<Answer, 'status' | 'body'> & Partial<Answer>): void =>
        resolve({ retryAfter: false, cookies: [], milliseconds: performance.now() - startedMs, ...answer })
      const asking = request(
        new URL(path, this.#url),
        {
          method,
          agent: this.#agent,
          localAddress,
          signal: AbortSignal.timeout(patienceMs),
          headers:
            payload === undefined
              ? headers
              : {
                  ...headers,
                  'content-type': 'application/json',
                  'content-length': Buffer.byteLength(payload),
                },
        },
        (response) => {
          textOf(response).then(
            (body) =>
              settle({
                status: response.statusCode ?? 0,
                retryAfter: response.headers['retry-after'] !== undefined,
                cookies: response.headers['set-cookie'] ?? [],
                body,
              }),
            (error: unknown) => settle({ status: 0, body: String(error) }),
          )
        },
      )
      asking.on('error', (error) => settle({ status: 0, body: String(error) }))
      asking.end(payload)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

function count(sockets: NodeJS.ReadOnlyDict<unknown[]>): number {
  return Object.values(sockets).reduce((sum, list) => sum + (list?.length ?? 0), 0)
}
