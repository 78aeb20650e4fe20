import { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import { type Order, type Product } from '../dist/dashboard/browser/api-types.js'
import { vendorOf } from '../dist/instances/vendor-of.js'
import { DEMO_PASSWORD } from './demo-password.js'

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** Speaks to one instance of a storefront, as its front end would: signed in as the vendor of the instance. */
export class StorefrontClient {
  readonly #app: FastifyInstance
  readonly #instanceId: string
  readonly #headers: Record<string, string> = {}

  constructor(app: FastifyInstance, instanceId = '00000000-0000-4000-8000-000000000001') {
    this.#app = app
    this.#instanceId = instanceId
  }

  get cookie(): string {
    return this.#headers['cookie'] ?? ''
  }

  /** Makes the instance known, as opening the dashboard does, and signs in. */
  async open(): Promise<this> {
    const { statusCode } = await this.send('GET', `/dashboard?instance=${this.#instanceId}`)
    if (statusCode !== 200) throw new Error(`the dashboard answered ${statusCode}`)
    return this.signIn()
  }

  async signIn(user: string = vendorOf(this.#instanceId)): Promise<this> {
    const response = await this.send('POST', '/auth/login', {
      email: `${user}@demo.test`,
      password: DEMO_PASSWORD,
    })
    if (response.statusCode !== 200)
      throw new Error(`the sign-in answered ${response.statusCode}: ${response.body}`)
    this.#headers['cookie'] = response.cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
    this.#headers['x-csrf-token'] = response.json<{ csrfToken: string }>().csrfToken
    return this
  }

  /** The same browser, led to another process. */
  at(app: FastifyInstance): StorefrontClient {
    const client = new StorefrontClient(app, this.#instanceId)
    Object.assign(client.#headers, this.#headers)
    return client
  }

  /** Sends a request and keeps the cookie that comes with the answer, which there must be. */
  async keepCookie(method: Method, url: string): Promise<this> {
    const { cookies, statusCode } = await this.send(method, url)
    if (cookies.length === 0) throw new Error(`${url} answered ${statusCode} without a cookie`)
    this.#headers['cookie'] = cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
    return this
  }

  /** A request to any path. */
  send(
    method: Method,
    url: string,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<LightMyRequestResponse> {
    return this.#app.inject({
      method,
      url,
      headers: { ...this.#headers, ...headers },
      ...(body === undefined ? {} : { payload: body }),
    })
  }

  /** A request to a path under `/api/:instanceId`. */
  ask(
    method: Method,
    path: string,
    body?: object,
    headers?: Record<string, string>,
  ): Promise<LightMyRequestResponse> {
    return this.send(method, `/api/${this.#instanceId}${path}`, body, headers)
  }

  /** All products that match, over all pages. */
  products(query: Record<string, string> = {}): Promise<Product[]> {
    return this.#all('/products', query, (response) => response.json<Product[]>())
  }

  /** All orders that match, over all pages. */
  orders(query: Record<string, string> = {}): Promise<Order[]> {
    return this.#all('/orders', query, (response) => response.json<Order[]>())
  }

  async #all<Item>(
    path: string,
    query: Record<string, string>,
    read: (response: LightMyRequestResponse) => Item[],
  ): Promise<Item[]> {
    const items: Item[] = []
    let cursor: string | undefined
    for (;;) {
      const search = new URLSearchParams({
        limit: '200',
        ...query,
        ...(cursor === undefined ? {} : { cursor }),
      })
      const response = await this.ask('GET', `${path}?${search.toString()}`)
      if (response.statusCode !== 200)
        throw new Error(`${path} answered ${response.statusCode}: ${response.body}`)
      items.push(...read(response))
      const next = response.headers['x-next-cursor']
      if (typeof next !== 'string') return items
      cursor = next
    }
  }
}
