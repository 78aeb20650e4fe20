import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'

/** Keeps cookies the way a browser does: by name; one without a value, or from the past, is forgotten. */
export class Browser {
  readonly cookies = new Map<string, string>()
  readonly #app: FastifyInstance
  readonly #headers: Readonly<Record<string, string>>

  constructor(app: FastifyInstance, headers: Readonly<Record<string, string>> = {}) {
    this.#app = app
    this.#headers = headers
  }

  async send(
    method: 'GET' | 'POST' | 'DELETE',
    url: string,
    options: InjectOptions = {},
  ): Promise<LightMyRequestResponse> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await this.#app.inject({
      ...options,
      method,
      url,
      headers: { ...this.#headers, ...(cookie === '' ? {} : { cookie }), ...options.headers },
    })
    this.#keep(response)
    return response
  }

  get(url: string, options?: InjectOptions): Promise<LightMyRequestResponse> {
    return this.send('GET', url, options)
  }

  post(url: string, payload: object = {}, options: InjectOptions = {}): Promise<LightMyRequestResponse> {
    return this.send('POST', url, { ...options, payload })
  }

  /** A second tab: the same cookies as now, going on by itself. */
  fork(app: FastifyInstance = this.#app): Browser {
    const other = new Browser(app, this.#headers)
    for (const [name, value] of this.cookies) other.cookies.set(name, value)
    return other
  }

  #keep(response: LightMyRequestResponse): void {
    for (const { name, value, expires, maxAge, secure } of response.cookies) {
      const prefixed = name.startsWith('__Host-') || name.startsWith('__Secure-')
      // Browsers do not take such a cookie, nor let it be taken away.
      if (prefixed && secure !== true) continue
      const past = (expires !== undefined && expires.getTime() <= Date.now()) || maxAge === 0
      if (past || value === '') this.cookies.delete(name)
      else this.cookies.set(name, value)
    }
  }
}
