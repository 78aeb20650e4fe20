import { announce, messageOf } from './announce.js'
import type { Product } from './api-types.js'
import type { CartView } from './cart-view.js'
import { type Column, DataTable } from './data-table.js'
import { type Child, button, given, make, spoken } from './dom.js'
import { brief, centsOf, count, money } from './format.js'
import { SearchList } from './search-list.js'
import type { Shop } from './shop.js'
import type { View } from './view.js'

const PAGE = 50
const LOW_STOCK = 5

/** The products: search, edit in place, put into the cart. */
export class ProductsView implements View {
  readonly #shop: Shop
  readonly #cart: CartView
  readonly #table: DataTable<Product>
  readonly #list: SearchList<Product>

  constructor(shop: Shop, cart: CartView) {
    this.#shop = shop
    this.#cart = cart
    this.#table = new DataTable('products', 'Products', this.#columns(), ({ id }) => id)
    this.#list = new SearchList({
      table: this.#table,
      one: 'product',
      many: 'products',
      pageSize: PAGE,
      ask: (query, signal) => shop.products(query, signal),
      summary: ({ size, search, more }) =>
        size === 0
          ? search === ''
            ? 'This shop has no products yet.'
            : `No product matches “${search}”.`
          : `${count(size)} shown${more ? ', there are more' : ''}.`,
    })
    shop.onChange(() => {
      this.#list.stale = true
    })
  }

  show(): Promise<void> {
    return this.#list.show()
  }

  #columns(): Column<Product>[] {
    return [
      { title: 'Product', kind: 'name', cell: ({ name }) => given(name) },
      { title: 'SKU', cell: ({ sku }) => sku },
      { title: 'Price', kind: 'number', cell: ({ priceCents }) => money(priceCents) },
      { title: 'In stock', kind: 'number', cell: stockCell },
      { title: 'Actions', kind: 'actions', cell: (product) => this.#actions(product) },
    ]
  }

  #actions(product: Product): Child[] {
    if (!this.#shop.mayEdit) return [make('span', { class: 'hint' }, 'Read only')]
    const edit = button('Edit', () => {
      this.#edit(product)
    })
    edit.append(spoken(` ${product.name}`))
    const buy = button('Add to cart', () => void this.#cart.add(product), {
      disabled: product.stock === 0,
    })
    buy.append(spoken(` ${product.name}`))
    return [edit, buy]
  }

  #edit(product: Product): void {
    const name = input({ label: 'Name', value: product.name, maxlength: 200 })
    const price = input({
      label: 'Price in euros',
      value: (product.priceCents / 100).toFixed(2),
      inputmode: 'decimal',
    })
    const stock = input({ label: 'In stock', value: String(product.stock), inputmode: 'numeric' })
    const problem = make('p', {
      id: `problem-${product.id}`,
      class: 'notice bad',
      role: 'alert',
      hidden: true,
    })
    const form = make(
      'form',
      { id: `edit-${product.id}`, class: 'edit', novalidate: true },
      make('button', { type: 'submit', class: 'primary' }, 'Save'),
      button('Cancel', () => {
        this.#done(product)
      }),
      problem,
    )
    for (const field of [name, price, stock]) field.setAttribute('form', form.id)
    const row = this.#table.update(product, [
      { title: 'Product', kind: 'name', cell: () => name },
      { title: 'SKU', cell: ({ sku }) => sku },
      { title: 'Price', kind: 'number', cell: () => price },
      { title: 'In stock', kind: 'number', cell: () => stock },
      { title: 'Actions', kind: 'actions', cell: () => form },
    ])
    row?.classList.add('editing')
    row?.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && row.classList.contains('editing')) this.#done(product)
    })
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      void this.#save(product, { name, price, stock, form, problem })
    })
    name.focus()
    name.select()
  }

  async #save(
    product: Product,
    {
      name,
      price,
      stock,
      form,
      problem,
    }: Record<'name' | 'price' | 'stock', HTMLInputElement> & {
      form: HTMLFormElement
      problem: HTMLElement
    },
  ): Promise<void> {
    if (form.ariaBusy === 'true') return
    const priceCents = centsOf(price.value)
    const wrong = (field: HTMLInputElement, text: string): void => {
      problem.textContent = text
      problem.hidden = false
      for (const each of [name, price, stock]) each.removeAttribute('aria-invalid')
      field.setAttribute('aria-invalid', 'true')
      field.setAttribute('aria-describedby', problem.id)
      field.focus()
    }
    if (name.value.trim() === '') {
      wrong(name, 'A product needs a name.')
      return
    }
    if (priceCents === undefined) {
      wrong(price, 'The price is an amount such as 12.90.')
      return
    }
    if (!/^\d{1,9}$/.test(stock.value.trim())) {
      wrong(stock, 'The stock is a whole number.')
      return
    }
    form.setAttribute('aria-busy', 'true')
    try {
      const change = { name: name.value.trim(), priceCents, stock: Number(stock.value) }
      const saved = await this.#shop.changeProduct(product.id, change)
      this.#list.stale = false
      this.#done(saved)
      announce(`Saved ${brief(saved.name)}.`)
    } catch (error) {
      problem.textContent = messageOf(error)
      problem.hidden = false
    } finally {
      form.removeAttribute('aria-busy')
    }
  }

  #done(product: Product): void {
    const row = this.#table.update(product)
    row?.classList.remove('editing')
    row?.querySelector('button')?.focus()
  }
}

function stockCell({ stock }: Product): Child[] {
  if (stock >= LOW_STOCK) return [count(stock)]
  return [count(stock), make('span', { class: 'tag low' }, stock === 0 ? 'sold out' : 'low')]
}

function input({
  label,
  ...attributes
}: { label: string } & Record<string, string | number>): HTMLInputElement {
  return make('input', { 'aria-label': label, autocomplete: 'off', ...attributes })
}
