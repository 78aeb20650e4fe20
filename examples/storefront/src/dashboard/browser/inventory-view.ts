import { announce, messageOf, showError } from './announce.js'
import type { StockLevel } from './api-types.js'
import { DataTable } from './data-table.js'
import { type Child, element, given, make, spoken } from './dom.js'
import { brief, count } from './format.js'
import type { Shop } from './shop.js'
import type { View } from './view.js'

const PAGE = 25
const LOW_STOCK = 5
const FILTER_PAUSE_MS = 150

/** What is in stock, the shortest first, and changing it. */
export class InventoryView implements View {
  readonly #shop: Shop
  readonly #table: DataTable<StockLevel>
  #levels: StockLevel[] = []
  #shown = PAGE
  #stale = true
  #pause: number | undefined
  /** Of several filters under way the last one counts. */
  #turn = 0

  constructor(shop: Shop) {
    this.#shop = shop
    this.#table = new DataTable(
      'inventory',
      'Inventory, the shortest first',
      [
        { title: 'Product', kind: 'name', cell: ({ productId }) => given(shop.nameOf(productId)) },
        { title: 'SKU', cell: ({ sku }) => sku },
        { title: 'In stock', kind: 'number', cell: ({ stock }) => stockCell(stock) },
        { title: 'Set stock', kind: 'actions', cell: (level) => this.#setter(level) },
      ],
      ({ productId }) => productId,
    )
    element('inventory-text').addEventListener('input', () => {
      clearTimeout(this.#pause)
      this.#pause = setTimeout(() => {
        this.#shown = PAGE
        void this.#draw()
      }, FILTER_PAUSE_MS)
    })
    element('inventory-more').addEventListener('click', () => {
      this.#shown += PAGE
      void this.#draw()
    })
    shop.onChange(() => {
      this.#stale = true
    })
  }

  async show(): Promise<void> {
    if (!this.#stale) return
    this.#table.busy = true
    if (this.#levels.length === 0) this.#table.say('Loading the inventory…')
    try {
      const { body } = await this.#shop.api.ask<StockLevel[]>(this.#shop.path('/inventory'))
      this.#levels = body.sort((one, other) => one.stock - other.stock)
      this.#stale = false
      showError('inventory-error')
      this.#sum()
      await this.#draw()
    } catch (error) {
      showError('inventory-error', error, () => void this.show())
      this.#table.say('')
    } finally {
      this.#table.busy = false
    }
  }

  #sum(): void {
    const units = this.#levels.reduce((sum, { stock }) => sum + stock, 0)
    element('inventory-products').textContent = count(this.#levels.length)
    element('inventory-units').textContent = count(units)
    element('inventory-out').textContent = count(this.#levels.filter(({ stock }) => stock === 0).length)
    element('inventory-low').textContent = count(this.#levels.filter(({ stock }) => stock < LOW_STOCK).length)
  }

  async #draw(): Promise<void> {
    const text = element('inventory-text', HTMLInputElement).value.trim().toLowerCase()
    const wanted = this.#levels.filter(({ sku }) => sku.toLowerCase().includes(text))
    const rows = wanted.slice(0, this.#shown)
    this.#turn += 1
    const turn = this.#turn
    // Without their names they are still what is in stock.
    await this.#shop.learn(rows.map(({ productId }) => productId)).catch(() => undefined)
    if (turn !== this.#turn) return
    this.#table.set(rows)
    element('inventory-more').hidden = rows.length === wanted.length
    if (rows.length > 0) this.#table.say(`${count(rows.length)} of ${count(wanted.length)} shown.`)
    else this.#table.say(text === '' ? 'This shop has no products yet.' : `No SKU has “${text}” in it.`)
  }

  #setter(level: StockLevel): Child {
    if (!this.#shop.mayEdit) return make('span', { class: 'hint' }, 'Read only')
    const name = this.#shop.nameOf(level.productId)
    const field = make('input', {
      type: 'number',
      min: 0,
      max: 999_999_999,
      value: level.stock,
      required: true,
      'aria-label': `New stock of ${name}`,
    })
    const form = make(
      'form',
      { class: 'edit' },
      field,
      make('button', {}, 'Set', spoken(` the stock of ${name}`)),
    )
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      void this.#set(level, field.valueAsNumber)
    })
    return form
  }

  async #set(level: StockLevel, stock: number): Promise<void> {
    try {
      const saved = await this.#shop.changeProduct(level.productId, { stock })
      level.stock = saved.stock
      this.#stale = false
      this.#sum()
      this.#table.update(level)?.querySelector('input')?.focus()
      showError('inventory-error')
      announce(`${brief(saved.name)}: ${count(saved.stock)} in stock.`)
    } catch (error) {
      showError('inventory-error', error)
      announce(messageOf(error))
    }
  }
}

function stockCell(stock: number): Child[] {
  if (stock >= LOW_STOCK) return [count(stock)]
  return [count(stock), make('span', { class: 'tag low' }, stock === 0 ? 'sold out' : 'low')]
}
