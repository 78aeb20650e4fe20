import { announce, messageOf, showError } from './announce.js'
import type { CartItem, Product, Receipt } from './api-types.js'
import { DataTable } from './data-table.js'
import { button, element, given, make, spoken } from './dom.js'
import { brief, count, money } from './format.js'
import { purchaseKey } from './purchase-key.js'
import type { Shop } from './shop.js'
import type { View } from './view.js'

const MOST_UNITS = 10_000

type Change = (items: readonly CartItem[]) => CartItem[]

/** What the user is about to buy, and buying it. */
export class CartView implements View {
  readonly #shop: Shop
  readonly #table: DataTable<CartItem>
  #items: CartItem[] = []
  #loaded = false
  /** Names this purchase until it has gone through, so that trying again never buys twice. */
  #key = purchaseKey()
  #saving: Promise<unknown> = Promise.resolve()

  constructor(shop: Shop) {
    this.#shop = shop
    this.#table = new DataTable(
      'cart',
      'Cart',
      [
        { title: 'Product', kind: 'name', cell: ({ productId }) => given(shop.nameOf(productId)) },
        { title: 'Each', kind: 'number', cell: ({ productId }) => priceOf(shop.product(productId)) },
        { title: 'Quantity', kind: 'number', cell: (item) => this.#quantity(item) },
        { title: 'Sum', kind: 'number', cell: (item) => money(this.#sumOf(item)) },
        { title: 'Actions', kind: 'actions', cell: (item) => this.#remove(item) },
      ],
      ({ productId }) => productId,
    )
    element('check-out').addEventListener('click', () => void this.#checkOut())
  }

  async show(): Promise<void> {
    this.#table.busy = true
    if (!this.#loaded) this.#table.say('Loading the cart…')
    await this.load()
    try {
      await this.#shop.learn(this.#items.map(({ productId }) => productId))
    } catch (error) {
      showError('cart-error', error, () => void this.show())
    }
    this.#table.busy = false
    this.#draw()
  }

  /** Reads the cart; for the number in the navigation as well. */
  async load(): Promise<void> {
    try {
      await this.#read()
      showError('cart-error')
      this.#showCount()
    } catch (error) {
      showError('cart-error', error, () => void this.show())
    }
  }

  async add({ id, name }: Product): Promise<void> {
    const error = await this.#put((items) =>
      items.some(({ productId }) => productId === id)
        ? items.map((item) => (item.productId === id ? { ...item, quantity: item.quantity + 1 } : item))
        : [...items, { productId: id, quantity: 1 }],
    )
    announce(error === undefined ? `${brief(name)} is in the cart.` : messageOf(error))
  }

  /** Answers the error, if there was one. */
  #put(change: Change): Promise<unknown> {
    // One after the other: two answers that overtake each other would leave the older cart.
    const saved = this.#saving.then(() => this.#save(change))
    this.#saving = saved
    return saved
  }

  async #save(change: Change): Promise<unknown> {
    try {
      // The whole cart is written, so it is changed as it is now, not as it was before another tab changed it.
      await this.#read()
      const { body } = await this.#shop.api.ask<{ items: CartItem[] }>(this.#shop.path('/cart'), {
        method: 'PUT',
        content: { items: change(this.#items) },
      })
      this.#items = body.items
      this.#key = purchaseKey()
      showError('cart-error')
      return undefined
    } catch (error) {
      showError('cart-error', error)
      return error
    } finally {
      this.#draw()
    }
  }

  async #read(): Promise<void> {
    const { body } = await this.#shop.api.ask<{ items: CartItem[] }>(this.#shop.path('/cart'))
    this.#items = body.items
    this.#loaded = true
  }

  async #checkOut(): Promise<void> {
    const checkOut = element('check-out', HTMLButtonElement)
    checkOut.disabled = true
    await this.#saving
    try {
      const { body } = await this.#shop.api.ask<Receipt>(this.#shop.path('/checkout'), {
        method: 'POST',
        headers: { 'idempotency-key': this.#key },
      })
      this.#items = []
      this.#key = purchaseKey()
      this.#showReceipt(body)
      this.#shop.forget()
      this.#shop.changed()
      showError('cart-error')
    } catch (error) {
      showError('cart-error', error)
    } finally {
      checkOut.disabled = false
      this.#draw()
      if (document.activeElement === document.body) this.#focus(checkOut)
    }
  }

  /** What was focused is gone: the button where it is still there, else the title. */
  #focus(control: HTMLElement): void {
    control.focus()
    if (document.activeElement !== control) element('cart-title').focus()
  }

  #showReceipt({ orders, totalCents }: Receipt): void {
    const bought = orders.map(({ productId, quantity }) =>
      make('li', {}, `${count(quantity)} × ${this.#shop.nameOf(productId)}`),
    )
    const receipt = element('receipt')
    receipt.hidden = false
    receipt.replaceChildren(
      make('h3', {}, 'Thank you'),
      make('p', {}, `Bought for ${money(totalCents)}; the orders are pending.`),
      make('ul', {}, ...bought),
    )
  }

  #draw(): void {
    this.#showCount()
    if (this.#items.length > 0) element('receipt').hidden = true
    this.#table.set(this.#items)
    this.#table.say('')
    element('cart-sum').hidden = this.#items.length === 0
    element('check-out').hidden = !this.#shop.mayEdit
    element('cart-empty').hidden = !this.#loaded || this.#items.length > 0 || !element('receipt').hidden
    const total = this.#items.reduce((sum, item) => sum + this.#sumOf(item), 0)
    element('cart-total').textContent = money(total)
  }

  #showCount(): void {
    const units = this.#items.reduce((sum, { quantity }) => sum + quantity, 0)
    const badge = element('cart-count')
    badge.hidden = units === 0
    badge.replaceChildren(count(units), spoken(' in the cart'))
  }

  #sumOf({ productId, quantity }: CartItem): number {
    return (this.#shop.product(productId)?.priceCents ?? 0) * quantity
  }

  #quantity(item: CartItem): HTMLElement {
    const field = make('input', {
      type: 'number',
      min: 1,
      max: MOST_UNITS,
      value: item.quantity,
      'aria-label': `Quantity of ${this.#shop.nameOf(item.productId)}`,
      disabled: !this.#shop.mayEdit,
    })
    field.addEventListener('change', () => {
      const quantity = Math.trunc(Math.min(MOST_UNITS, Math.max(1, field.valueAsNumber || 1)))
      void this.#put((items) =>
        items.map((other) => (other.productId === item.productId ? { ...other, quantity } : other)),
      )
    })
    return field
  }

  async #drop({ productId }: CartItem): Promise<void> {
    await this.#put((items) => items.filter((other) => other.productId !== productId))
    if (document.activeElement === document.body) element('cart-title').focus()
  }

  #remove(item: CartItem): HTMLElement {
    const remove = button('Remove', () => void this.#drop(item), { disabled: !this.#shop.mayEdit })
    remove.append(spoken(` ${this.#shop.nameOf(item.productId)}`))
    return remove
  }
}

function priceOf(product: Product | undefined): string {
  return product === undefined ? '–' : money(product.priceCents)
}
