import { announce, messageOf, showError } from './announce.js'
import type { Answer } from './api.js'
import type { Order } from './api-types.js'
import { DataTable } from './data-table.js'
import { type Child, element, given, make } from './dom.js'
import { capitalized, count, dateTime, money } from './format.js'
import { SearchList } from './search-list.js'
import type { Shop } from './shop.js'
import type { View } from './view.js'

const PAGE = 25

/** The orders, newest first, and where each stands. */
export class OrdersView implements View {
  readonly #shop: Shop
  readonly #table: DataTable<Order>
  readonly #list: SearchList<Order>
  /** Every status that an order can have, as the page was told. */
  readonly #statuses: readonly string[]

  constructor(shop: Shop) {
    this.#shop = shop
    this.#statuses = (element('orders').dataset['statuses'] ?? '').split(' ')
    this.#table = new DataTable(
      'orders',
      'Orders, the newest first',
      [
        { title: 'Order', kind: 'name', cell: ({ id }) => id },
        { title: 'Product', cell: ({ productId }) => given(shop.nameOf(productId)) },
        { title: 'Quantity', kind: 'number', cell: ({ quantity }) => count(quantity) },
        { title: 'Total', kind: 'number', cell: ({ totalCents }) => money(totalCents) },
        { title: 'Placed', cell: ({ createdAt }) => dateTime(createdAt) },
        { title: 'Status', kind: 'actions', cell: (order) => this.#status(order) },
      ],
      ({ id }) => id,
    )
    this.#list = new SearchList({
      table: this.#table,
      one: 'order',
      many: 'orders',
      pageSize: PAGE,
      ask: (query, signal) => this.#orders(query, signal),
      summary: ({ size, search, more }) =>
        size === 0
          ? search === ''
            ? 'This shop has no orders yet.'
            : `No order matches “${search}”.`
          : `${count(size)} shown${more ? ', there are more' : ''}.`,
    })
    shop.onChange(() => {
      this.#list.stale = true
    })
  }

  show(): Promise<void> {
    return this.#list.show()
  }

  async #orders(query: URLSearchParams, signal: AbortSignal): Promise<Answer<Order[]>> {
    const path = this.#shop.path(`/orders?${query.toString()}`)
    const answer = await this.#shop.api.ask<Order[]>(path, { signal })
    // Without their names they are still orders.
    await this.#shop.learn(answer.body.map(({ productId }) => productId)).catch(() => undefined)
    return answer
  }

  #status(order: Order): Child {
    if (!this.#shop.mayEdit) return make('span', { class: `tag ${order.status}` }, capitalized(order.status))
    const select = make('select', { 'aria-label': `Status of ${order.id}`, 'data-status': order.status })
    for (const status of this.#statuses) {
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
      this.#list.stale = false
      showError('orders-error')
      announce(`${order.id} is ${body.status}.`)
    } catch (error) {
      showError('orders-error', error)
      announce(messageOf(error))
    } finally {
      this.#table.update(order)
    }
  }
}
