import { announce, messageOf, showError } from './announce.js'
import { type Order } from './api-types.js'
import { DataTable } from './data-table.js'
import { type Child, element, make } from './dom.js'
import { capitalized, count, dateTime, money } from './format.js'
import { type Shop } from './shop.js'
import { type View } from './view.js'

const PAGE = '25'
const SEARCH_PAUSE_MS = 300
const STATUSES = [
  'pending',
  'paid',
  'processing',
  'shipped',
  'fulfilled',
  'delivered',
  'completed',
  'cancelled',
  'refunded',
]

/** The orders, newest first, and where each stands. */
export class OrdersView implements View {
  readonly #shop: Shop
  readonly #table: DataTable<Order>
  #nextCursor: string | null = null
  #underWay = new AbortController()
  #pause: number | undefined
  #stale = true
  #loading = false

  constructor(shop: Shop) {
    this.#shop = shop
    this.#table = new DataTable(
      'orders',
      'Orders, the newest first',
      [
        { title: 'Order', kind: 'name', cell: ({ id }) => id },
        { title: 'Product', cell: ({ productId }) => shop.nameOf(productId) },
        { title: 'Quantity', kind: 'number', cell: ({ quantity }) => count(quantity) },
        { title: 'Total', kind: 'number', cell: ({ totalCents }) => money(totalCents) },
        { title: 'Placed', cell: ({ createdAt }) => dateTime(createdAt) },
        { title: 'Status', kind: 'actions', cell: (order) => this.#status(order) },
      ],
      ({ id }) => id,
    )
    element('order-text').addEventListener('input', () => {
      clearTimeout(this.#pause)
      this.#pause = setTimeout(() => void this.#load(), SEARCH_PAUSE_MS)
    })
    element('order-search').addEventListener('submit', (event) => {
      event.preventDefault()
      clearTimeout(this.#pause)
      void this.#load()
    })
    element('orders-more').addEventListener('click', () => void this.#load({ append: true }))
    shop.onChange(() => {
      this.#stale = true
    })
  }

  async show(): Promise<void> {
    if (this.#stale && !this.#loading) await this.#load()
  }

  async #load({ append = false } = {}): Promise<void> {
    this.#underWay.abort()
    this.#underWay = new AbortController()
    const { signal } = this.#underWay
    const query = new URLSearchParams({ limit: PAGE })
    const search = element('order-text', HTMLInputElement).value.trim()
    if (search !== '') query.set('search', search)
    if (append && this.#nextCursor !== null) query.set('cursor', this.#nextCursor)
    this.#loading = true
    this.#table.busy = true
    if (this.#table.size === 0) element('orders-status').textContent = 'Loading orders…'
    try {
      const path = this.#shop.path(`/orders?${query.toString()}`)
      const { body, nextCursor } = await this.#shop.api.ask<Order[]>(path, { signal })
      // Without their names they are still orders.
      await this.#shop.learn(body.map(({ productId }) => productId)).catch(() => undefined)
      if (signal.aborted) return
      if (append) this.#table.append(body)
      else this.#table.set(body)
      this.#nextCursor = nextCursor
      this.#stale = false
      showError('orders-error')
      element('orders-more').hidden = nextCursor === null
      element('orders-status').textContent =
        this.#table.size === 0 ? 'No order matches.' : `${count(this.#table.size)} shown.`
    } catch (error) {
      if (signal.aborted) return
      showError('orders-error', error, () => void this.#load({ append }))
      element('orders-status').textContent = ''
    } finally {
      if (!signal.aborted) {
        this.#loading = false
        this.#table.busy = false
      }
    }
  }

  #status(order: Order): Child {
    if (!this.#shop.mayEdit) return make('span', { class: `tag ${order.status}` }, capitalized(order.status))
    const select = make('select', { 'aria-label': `Status of ${order.id}`, 'data-status': order.status })
    for (const status of STATUSES) {
      select.append(make('option', { value: status, selected: status === order.status }, capitalized(status)))
    }
    select.addEventListener('change', () => void this.#setStatus(order, select.value))
    return select
  }

  async #setStatus(order: Order, status: string): Promise<void> {
    try {
      const { body } = await this.#shop.api.ask<Order>(
        this.#shop.path(`/orders/${encodeURIComponent(order.id)}`),
        { method: 'PATCH', content: { status } },
      )
      order.status = body.status
      this.#shop.changed()
      this.#stale = false
      showError('orders-error')
      announce(`${order.id} is ${body.status}.`)
    } catch (error) {
      showError('orders-error', error)
      announce(messageOf(error))
    } finally {
      this.#table.update(order)?.querySelector('select')?.focus()
    }
  }
}
