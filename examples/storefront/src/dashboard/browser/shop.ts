import type { Api, Answer } from './api.js'
import type { Product, SignedIn } from './api-types.js'

const ADMIN = 'admin'
/** As many ids as one question may name. */
const MOST_IDS = 100

/** The shop that this page is of, and who looks at it. */
export class Shop {
  readonly api: Api
  readonly instanceId: string
  readonly #products = new Map<string, Product>()
  readonly #listeners: (() => void)[] = []
  user: SignedIn | undefined

  constructor(api: Api, instanceId: string) {
    this.api = api
    this.instanceId = instanceId
  }

  get isAdmin(): boolean {
    return this.user?.roles.includes(ADMIN) === true
  }

  /** An admin reads every shop and changes none. */
  get mayEdit(): boolean {
    return !this.isAdmin
  }

  path(rest: string): string {
    return `/api/${encodeURIComponent(this.instanceId)}${rest}`
  }

  /** Figures, stock or orders are others than before. */
  changed(): void {
    for (const listener of this.#listeners) listener()
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /** A page of products, remembered by id. */
  async products(query: URLSearchParams, signal?: AbortSignal): Promise<Answer<Product[]>> {
    const answer = await this.api.ask<Product[]>(
      this.path(`/products?${query.toString()}`),
      signal === undefined ? {} : { signal },
    )
    for (const product of answer.body) this.#products.set(product.id, product)
    return answer
  }

  async changeProduct(
    id: string,
    change: Partial<Pick<Product, 'name' | 'priceCents' | 'stock'>>,
  ): Promise<Product> {
    const path = this.path(`/products/${encodeURIComponent(id)}`)
    const { body } = await this.api.ask<Product>(path, { method: 'PUT', content: change })
    this.#products.set(id, body)
    this.changed()
    return body
  }

  /** What is known of a product; undefined where it was removed, or not yet asked for. */
  product(id: string): Product | undefined {
    return this.#products.get(id)
  }

  /** Makes these products known, with one question for all that are not. */
  async learn(ids: readonly string[]): Promise<void> {
    const unknown = [...new Set(ids)].filter((id) => !this.#products.has(id)).slice(0, MOST_IDS)
    if (unknown.length === 0) return
    await this.products(new URLSearchParams({ ids: unknown.join(','), limit: String(MOST_IDS) }))
  }

  nameOf(id: string): string {
    return this.#products.get(id)?.name ?? id
  }

  /** What is known may be out of date, such as stock after a purchase. */
  forget(): void {
    this.#products.clear()
  }
}
