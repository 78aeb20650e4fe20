import { showError } from './announce.js'
import type { Order, ShopMetrics, Snapshot } from './api-types.js'
import { Chart } from './chart.js'
import { DataTable } from './data-table.js'
import { draw, element, given, make } from './dom.js'
import { capitalized, count, day, money, percent, shortCount, shortMoney, wholeMoney } from './format.js'
import { salesBuckets } from './sales-buckets.js'
import type { Shop } from './shop.js'
import type { View } from './view.js'

const DAY_MS = 86_400_000
/** Shown up to the last order where there is none in the time that was chosen. */
const LAST_DAYS = 90
const BEST_SHOWN = 6

/** Revenue and orders over a time, and what they consist of. */
export class OverviewView implements View {
  readonly #shop: Shop
  readonly #revenue = new Chart({
    hostId: 'chart-revenue',
    title: 'Revenue',
    kind: 'line',
    short: shortMoney,
    full: money,
  })
  readonly #orders = new Chart({
    hostId: 'chart-orders',
    title: 'Orders',
    kind: 'bars',
    short: shortCount,
    full: count,
  })
  #underWay = new AbortController()
  #stale = true
  #loading = false
  #drawn = false

  constructor(shop: Shop) {
    this.#shop = shop
    element('range').addEventListener('change', () => void this.#load())
    element('to-last-order').addEventListener('click', () => {
      this.#showTo(element('to-last-order').dataset['date'] ?? '')
    })
    shop.onChange(() => {
      this.#stale = true
    })
  }

  async show(): Promise<void> {
    if (this.#stale && !this.#loading) await Promise.all([this.#load(), this.#loadShops()])
  }

  async #load(): Promise<void> {
    this.#underWay.abort()
    this.#underWay = new AbortController()
    const { signal } = this.#underWay
    element('overview').setAttribute('aria-busy', 'true')
    element('overview-status').textContent = 'Loading…'
    this.#loading = true
    try {
      const path = `/api/vendor/analytics/snapshot?${this.#query().toString()}`
      const { body } = await this.#shop.api.ask<Snapshot>(path, { signal })
      this.#draw(body)
      if (body.orderCount === 0) await this.#offerLastOrder(signal)
      this.#stale = false
      this.#drawn = true
      showError('overview-error')
    } catch (error) {
      if (!signal.aborted) showError('overview-error', error, () => void this.show())
    } finally {
      if (!signal.aborted) {
        this.#loading = false
        // Without figures there is nothing but their titles.
        element('overview').hidden = !this.#drawn
        element('overview').removeAttribute('aria-busy')
        element('overview-status').textContent = ''
      }
    }
  }

  /** Where a shop has not sold for long, its figures stand where it did. */
  async #offerLastOrder(signal: AbortSignal): Promise<void> {
    const button = element('to-last-order')
    const text = element('overview-empty-text')
    button.hidden = true
    text.textContent = 'No orders in this time.'
    const path = this.#shop.path('/orders?limit=1')
    const answer = await this.#shop.api.ask<Order[]>(path, { signal }).catch(() => undefined)
    if (answer === undefined) return
    const [last] = answer.body
    if (last === undefined) {
      text.textContent = 'This shop has no orders yet.'
      return
    }
    button.hidden = false
    button.dataset['date'] = last.createdAt.slice(0, 10)
    button.textContent = `Show the ${LAST_DAYS} days up to the last one, ${day(last.createdAt)}`
  }

  #showTo(date: string): void {
    const range = element('range', HTMLSelectElement)
    range.querySelector('[data-to]')?.remove()
    const option = make('option', { value: LAST_DAYS, 'data-to': date }, `${LAST_DAYS} days to ${day(date)}`)
    range.append(option)
    option.selected = true
    range.focus()
    void this.#load()
  }

  #query(): URLSearchParams {
    const [chosen] = element('range', HTMLSelectElement).selectedOptions
    const days = Number(chosen?.value)
    const lastMs = Date.parse(chosen?.dataset['to'] ?? new Date().toISOString())
    const isoDate = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 10)
    return new URLSearchParams({
      instance: this.#shop.instanceId,
      dateFrom: isoDate(lastMs - (days - 1) * DAY_MS),
      dateTo: isoDate(lastMs),
    })
  }

  #draw(snapshot: Snapshot): void {
    const { revenueCents, orderCount, previous, inventory } = snapshot
    const show = (id: string, text: string): void => {
      element(id).textContent = text
    }
    show('figure-revenue', wholeMoney(revenueCents))
    show('figure-orders', count(orderCount))
    show('figure-average', money(snapshot.averageOrderCents))
    show('figure-units', `${count(snapshot.unitsSold)} units sold`)
    show('figure-low', count(inventory.lowStockCount))
    show('figure-stock', `of ${count(inventory.productCount)} products`)
    showDelta('delta-revenue', revenueCents, previous.revenueCents)
    showDelta('delta-orders', orderCount, previous.orderCount)
    element('overview-empty').hidden = orderCount > 0
    element('charts').hidden = orderCount === 0
    const { unit, buckets } = salesBuckets(snapshot.byDay, snapshot.dateFrom, snapshot.dateTo)
    this.#revenue.show(
      buckets.map((bucket) => ({ ...bucket, value: bucket.revenueCents })),
      unit,
    )
    this.#orders.show(
      buckets.map((bucket) => ({ ...bucket, value: bucket.orderCount })),
      unit,
    )
    const byStatus = snapshot.byStatus.map((each) => ({
      label: capitalized(each.status),
      part: each.orderCount / Math.max(orderCount, 1),
      value: `${count(each.orderCount)} · ${percent(each.orderCount / Math.max(orderCount, 1))}`,
    }))
    showBars(
      'by-status',
      byStatus.sort((one, other) => other.part - one.part),
    )
    const best = snapshot.topProducts.slice(0, BEST_SHOWN)
    const most = Math.max(1, ...best.map((product) => product.revenueCents))
    showBars(
      'best',
      best.map((product) => ({
        label: product.name ?? `${product.productId} (removed)`,
        part: product.revenueCents / most,
        value: `${wholeMoney(product.revenueCents)} · ${count(product.unitsSold)} sold`,
      })),
    )
  }

  /** An admin sees how the shops do beside each other. */
  async #loadShops(): Promise<void> {
    if (!this.#shop.isAdmin) return
    try {
      const { body } = await this.#shop.api.ask<ShopMetrics>('/api/admin/metrics')
      const table = new DataTable<ShopMetrics['vendors'][number]>(
        'shops-table',
        'All shops, all time',
        [
          { title: 'Shop', kind: 'name', cell: ({ name }) => name },
          { title: 'Products', kind: 'number', cell: ({ productCount }) => count(productCount) },
          { title: 'Orders', kind: 'number', cell: ({ orderCount }) => count(orderCount) },
          { title: 'Revenue', kind: 'number', cell: ({ revenueCents }) => wholeMoney(revenueCents) },
        ],
        ({ vendorId }) => vendorId,
      )
      table.set(body.vendors)
      element('shops').hidden = false
    } catch (error) {
      showError('overview-error', error, () => void this.#loadShops())
    }
  }
}

function showDelta(id: string, now: number, before: number): void {
  const place = element(id)
  if (before === 0) {
    place.textContent = ''
    return
  }
  const change = (now - before) / before
  place.dataset['direction'] = change < 0 ? 'down' : 'up'
  place.textContent = `${change < 0 ? '▼' : '▲'} ${percent(Math.abs(change))} ${change < 0 ? 'less' : 'more'} than before`
}

function showBars(id: string, bars: readonly { label: string; part: number; value: string }[]): void {
  element(id).replaceChildren(
    ...bars.map(({ label, part, value }) =>
      make(
        'li',
        {},
        make('span', { class: 'bar-label' }, given(label)),
        make('span', { class: 'bar-value' }, value),
        draw(
          'svg',
          { class: 'bar-drawing', viewBox: '0 0 100 6', preserveAspectRatio: 'none', 'aria-hidden': true },
          draw('rect', { class: 'track', width: 100, height: 6 }),
          draw('rect', { class: 'bar-mark', width: Math.max(0.5, part * 100), height: 6 }),
        ),
      ),
    ),
  )
}
