import { announce, messageOf, showError } from './announce.js'
import { Api, Refusal } from './api.js'
import type { ShopMetrics, SignedIn } from './api-types.js'
import { CartView } from './cart-view.js'
import { element, make } from './dom.js'
import { InventoryView } from './inventory-view.js'
import { LivePanel } from './live-panel.js'
import { Live } from './live.js'
import { OrdersView } from './orders-view.js'
import { OverviewView } from './overview-view.js'
import { ProductsView } from './products-view.js'
import { Shop } from './shop.js'
import { SignInView } from './sign-in-view.js'
import { StatusDisplay } from './status.js'
import type { View } from './view.js'

const FIRST_VIEW = 'overview'
const CART_VIEW = 'cart'
const LIVE_VIEW = 'redis'

const { instance = '', vendor = '' } = document.body.dataset
const api = new Api()
const shop = new Shop(api, instance)
const cart = new CartView(shop)
const views = new Map<string, View>([
  ['overview', new OverviewView(shop)],
  ['products', new ProductsView(shop, cart)],
  ['inventory', new InventoryView(shop)],
  ['orders', new OrdersView(shop)],
  [CART_VIEW, cart],
  [LIVE_VIEW, { show: () => Promise.resolve() }],
])
const status = new StatusDisplay()
const panel = new LivePanel(api)
const signInView = new SignInView(api, (user) => {
  signedIn(user)
  element('main').focus()
})
const live = new Live(api, {
  onReport: (report) => {
    panel.show(report)
  },
  onDevices: (devices) => {
    panel.showDevices(devices)
  },
  onLive: (isLive) => {
    panel.showLive(isLive)
  },
  onStatus: (name, outageSeconds) => {
    const isBack = status.show(name, outageSeconds)
    // What could not be loaded meanwhile is loaded now.
    if (isBack && shop.user !== undefined) void views.get(current)?.show()
  },
  onSignedOut: () => {
    signedOut('You were signed out on another device or in another tab.')
  },
})

api.onSignedOut = () => {
  if (shop.user !== undefined) signedOut('You are no longer signed in.')
}

const PAGE_TITLE = document.title
let lastUserId: string | undefined

/** The view that the address names; the last one where it names none, such as a place in the page. */
let current = FIRST_VIEW

function showView(): void {
  const named = location.hash.slice(1)
  if (views.has(named)) current = named
  if (current === CART_VIEW && !shop.mayEdit) current = FIRST_VIEW
  document.body.dataset['view'] = current
  for (const section of document.querySelectorAll<HTMLElement>('.view')) {
    section.hidden = section.dataset['view'] !== current
  }
  for (const link of element('views').querySelectorAll('a')) {
    if (link.hash === `#${current}`) {
      link.setAttribute('aria-current', 'page')
      document.title = `${link.firstChild?.textContent ?? ''} · ${PAGE_TITLE}`
      link.scrollIntoView({ block: 'nearest', inline: 'nearest' })
    } else link.removeAttribute('aria-current')
  }
  void views.get(current)?.show()
}

function signedIn(user: SignedIn): void {
  // What another user has seen here is not left to this one.
  if (lastUserId !== undefined && lastUserId !== user.userId) {
    location.reload()
    return
  }
  lastUserId = user.userId
  shop.user = user
  signInView.hide()
  element('user-name').textContent = user.userId.replace(/^demo-/, '')
  element('user').hidden = false
  live.open()
  const isStranger = user.tenantId !== vendor && !shop.isAdmin
  element('refused').hidden = !isStranger
  showSignedInParts(!isStranger)
  if (isStranger) {
    element('own-shop', HTMLAnchorElement).href = `/dashboard?instance=${instanceOf(user.tenantId ?? '')}`
    return
  }
  element('cart-link').hidden = !shop.mayEdit
  if (shop.isAdmin) void offerVendors()
  else void cart.load()
  showView()
}

function signedOut(why?: string): void {
  shop.user = undefined
  live.close()
  showSignedInParts(false)
  for (const id of ['user', 'refused', 'vendors']) element(id).hidden = true
  for (const section of document.querySelectorAll<HTMLElement>('.view')) section.hidden = true
  document.title = PAGE_TITLE
  signInView.show(why)
  element('password').focus()
}

function showSignedInParts(shown: boolean): void {
  for (const part of document.querySelectorAll<HTMLElement>('[data-signed-in]')) part.hidden = !shown
}

/** The demo's vendors have an instance each, of the same number. */
function instanceOf(vendorId: string): string {
  const number = /^vendor-(\d)$/.exec(vendorId)?.[1]
  return number === undefined ? instance : `00000000-0000-4000-8000-00000000000${number}`
}

async function offerVendors(): Promise<void> {
  try {
    const { body } = await api.ask<ShopMetrics>('/api/admin/metrics')
    const picker = element('vendor', HTMLSelectElement)
    picker.replaceChildren(
      ...body.vendors.map(({ vendorId, name }) =>
        make('option', { value: instanceOf(vendorId), selected: vendorId === vendor }, name),
      ),
    )
    picker.addEventListener('change', () => {
      element('vendors', HTMLFormElement).requestSubmit()
    })
    element('vendors').hidden = false
  } catch (error) {
    announce(messageOf(error))
  }
}

async function signOut(): Promise<void> {
  try {
    await api.signOut()
    // What this user has seen is not left to the next one.
    location.reload()
  } catch (error) {
    announce(messageOf(error))
  }
}

async function start(): Promise<void> {
  try {
    signedIn(await api.session())
  } catch (error) {
    signInView.show()
    if (!(error instanceof Refusal && error.statusCode === 401)) showError('sign-in-error', error)
  }
}

addEventListener('hashchange', () => {
  if (shop.user === undefined) return
  showView()
  scrollTo({ top: 0 })
  document.querySelector<HTMLElement>(`.view[data-view="${current}"] h2, aside#${current} > h2`)?.focus()
})
// Browsers open six connections to a server, over all tabs: one that nobody looks at leaves its own to others.
document.addEventListener('visibilitychange', () => {
  if (shop.user === undefined) return
  if (document.hidden) live.close()
  else live.open()
})
element('sign-out').addEventListener('click', () => void signOut())
void live.watchHealth()
void start()
