// What the plugin adds to the types of an app.
import type {} from '@stayfast/session'
import { eventually, type RedisServer, startRedisServer } from '@stayfast/test-kit'
import axe, { type AxeResults } from 'axe-core'
import { type FastifyInstance } from 'fastify'
import { type Browser, type Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { DashboardPage, desktop, openBrowser, originOf, phone, views } from './dashboard-page.js'
import { openCatalogue } from '../dist/catalogue/open-catalogue.js'
import { openStorefront } from './open-storefront.js'

/** All rows of a table are alike, and looking at each takes its time. */
const FEWER_ROWS = `for (const row of document.querySelectorAll('tbody tr:nth-child(n+4)')) row.remove()`
const OVERFLOW = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'

const browser = await openBrowser()
if (typeof browser === 'string') {
  // Not silently: the run names it, with the command that mends it.
  t.match(browser, /apt-get install chromium/, 'without a browser it is said how to get one')
  t.test('the stories of the dashboard', { skip: browser }, () => undefined)
} else {
  t.teardown(() => browser.close())
  const redis = await startRedisServer({ appendOnly: true }, t)
  const catalogue = await openCatalogue({ kind: 'memory' }, () => undefined)
  t.teardown(() => catalogue.close())
  const start = async (port = 0): Promise<FastifyInstance> => {
    // The same secret, so that a restart signs nobody out.
    const environment = { REDIS_URL: redis.url, SESSION_SECRET: 'a-secret-of-at-least-thirty-two-characters' }
    const app = await openStorefront(t, environment, catalogue)
    await app.listen({ port })
    return app
  }
  const app = await start()
  t.test('a merchant installs, signs in, edits, sells, and signs out elsewhere', (t) =>
    merchant(t, browser, app),
  )
  t.test('no view has a serious barrier, on a desktop and on a phone', (t) => barriers(t, browser, app))
  t.test('an admin picks a shop, sees all figures, and changes nothing', (t) => admin(t, browser, app))
  t.test('two tabs and fast hands fill one cart, and one that cannot be read is not written over', (t) =>
    sharedCart(t, browser, app),
  )
  t.test('what one user has seen is not left to the next one', (t) => nextUser(t, browser, app))
  t.test('a view without data says why, and one that fails offers a way on', (t) =>
    withoutData(t, browser, app),
  )
  t.test('names of any length and script stay in their place', (t) => longNames(t, browser, app))
  t.test('while Redis is away the page says so and goes on, and shows that it is back', (t) =>
    outage(t, browser, app, redis),
  )
  t.test('a page outlives a restart of the server', (t) => restart(t, browser, app, start))
}

async function merchant(t: Test, browser: Browser, app: FastifyInstance): Promise<void> {
  const instance = '3f2504e0-4f89-41d3-9a0c-0305e82c330d'
  const device = await DashboardPage.open(browser, app, { instance })
  const { page } = device
  t.match(await app.tenantInstances.get(instance), { vendorId: 'vendor-2' }, 'it is installed')
  await device.signIn()
  const low = Number(await device.text('figure-low', /\d/))
  t.match(await device.text('figure-revenue', /\d/), /€/)
  await page.getByRole('img', { name: /^Revenue: .* in all/ }).waitFor()
  await page.getByRole('img', { name: /^Orders: / }).waitFor()

  await device.goTo('products')
  await page.getByLabel('Search name or SKU').fill('CK-0001')
  await eventually(async () => (await page.locator('#products tbody tr').count()) === 1, { withinMs: 20_000 })
  // By keyboard alone, as it has to be possible.
  await page.getByRole('button', { name: /^Edit/ }).press('Enter')
  await page.getByLabel('Price in euros').fill('a lot')
  await page.getByLabel('Price in euros').press('Enter')
  await page.getByText('The price is an amount').waitFor()
  await page.getByLabel('Name', { exact: true }).fill('A pan for a story')
  await page.getByLabel('Price in euros').fill('12.5')
  await page.getByLabel('In stock').fill('3')
  await page.getByLabel('In stock').press('Enter')
  await device.text('announce', /Saved A pan for a story/)
  t.match(await device.row(/A pan for a story/).innerText(), /€12\.50\s*3/)
  t.equal(await page.evaluate('document.activeElement.textContent'), 'Edit A pan for a story')
  await device.goTo('overview')
  t.equal(await device.text('figure-low', new RegExp(`^${low + 1}$`)), String(low + 1), 'the figure changes')

  await device.goTo('products')
  await page.getByRole('button', { name: 'Add to cart A pan for a story' }).click()
  await device.text('cart-count', /1/)
  await device.goTo('cart')
  t.equal(await device.text('cart-total', /12/), '€12.50')
  await page.getByRole('button', { name: 'Check out' }).click()
  await device.text('receipt', /1 × A pan for a story/)
  await device.goTo('orders')
  const order = device.row(/A pan for a story/).first()
  await order.getByRole('combobox').selectOption('shipped')
  await device.text('announce', /is shipped/)
  await device.goTo('inventory')
  t.match(await device.text('inventory-units', /\d/), /\d/)

  const elsewhere = await DashboardPage.open(browser, app, { instance, viewport: phone })
  await elsewhere.signIn()
  await page.getByRole('button', { name: /^Sign out on Chrome/ }).click()
  await elsewhere.text('sign-in-why', /signed out on another device/)
  await page.getByRole('button', { name: 'Sign out', exact: true }).click()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  t.same([...device.complaints, ...elsewhere.complaints], [])
  await Promise.all([device.close(), elsewhere.close()])
}

async function barriers(t: Test, browser: Browser, app: FastifyInstance): Promise<void> {
  for (const look of [
    { viewport: desktop, colorScheme: 'light' },
    { viewport: phone, colorScheme: 'dark' },
  ] as const) {
    const name = `${look.viewport.width} wide, ${look.colorScheme}`
    const device = await DashboardPage.open(browser, app, look)
    await device.page.getByRole('heading', { name: 'Sign in' }).waitFor()
    t.same(await seriousBarriers(device.page), [], `sign-in, ${name}`)
    await device.signIn()
    for (const view of views) {
      await device.goTo(view)
      if (view === 'products') {
        await device.page
          .getByRole('button', { name: /^Add to cart/ })
          .first()
          .click()
        await device.text('cart-count', /\d/)
        await device.page.getByRole('button', { name: /^Edit/ }).first().click()
      }
      const overflow = await device.page.evaluate(OVERFLOW)
      t.equal(overflow, 0, `${view} needs no scrolling sideways, ${name}`)
      await device.page.evaluate(FEWER_ROWS)
      t.same(await seriousBarriers(device.page), [], `${view}, ${name}`)
    }
    await device.close()
  }
}

async function seriousBarriers(page: Page): Promise<string[]> {
  if ((await page.evaluate('typeof axe')) === 'undefined') await page.evaluate(axe.source)
  const { violations } = await page.evaluate<AxeResults>("axe.run(document, { resultTypes: ['violations'] })")
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
}

async function admin(t: Test, browser: Browser, app: FastifyInstance): Promise<void> {
  const device = await DashboardPage.open(browser, app)
  await device.signIn('admin@demo.test')
  await device.text('shops', /Copper Kettle/)
  await device.page.getByLabel('Shop', { exact: true }).selectOption('Copper Kettle')
  await device.page.getByRole('heading', { name: 'Copper Kettle', level: 1 }).waitFor()
  await device.page.getByRole('navigation', { name: 'Dashboard' }).waitFor()
  await device.goTo('products')
  t.equal(await device.page.getByRole('button', { name: /^Edit/ }).count(), 0)
  t.same(device.complaints, [])
  await device.close()
}

async function sharedCart(t: Test, browser: Browser, app: FastifyInstance): Promise<void> {
  const instance = '00000000-0000-4000-8000-000000000003'
  const device = await DashboardPage.open(browser, app, { instance })
  const { page } = device
  await device.signIn()
  await device.goTo('products')
  const other = await page.context().newPage()
  await other.goto(page.url())
  const addInOther = other.getByRole('button', { name: /^Add to cart/ })
  await addInOther.first().waitFor()

  const add = page.getByRole('button', { name: /^Add to cart/ }).first()
  await add.dblclick()
  await device.text('cart-count', /^2/)
  await addInOther.nth(1).click()
  await other.locator('#cart-count').filter({ hasText: /^3/ }).waitFor()
  await page.route('**/cart', (route) => route.abort())
  await page
    .getByRole('button', { name: /^Add to cart/ })
    .nth(2)
    .click()
  await device.text('announce', /cannot be reached/)
  await page.unroute('**/cart')

  await device.goTo('cart')
  t.equal(await page.locator('#cart tbody tr').count(), 2)
  // By keyboard: what is under the fingers stays there while the cart is saved.
  const quantity = page.getByRole('spinbutton').first()
  await quantity.focus()
  for (const units of ['3', '4']) {
    await quantity.press('ArrowUp')
    await device.text('cart-count', new RegExp(`^${Number(units) + 1}`))
    t.equal(await page.evaluate('document.activeElement.value'), units)
  }
  for (const left of [1, 0]) {
    await page
      .getByRole('button', { name: /^Remove/ })
      .first()
      .press('Enter')
    await eventually(async () => (await page.locator('#cart tbody tr').count()) === left)
  }
  t.equal(await page.evaluate('document.activeElement.id'), 'cart-title')
  await device.close()
}

async function nextUser(t: Test, browser: Browser, app: FastifyInstance): Promise<void> {
  const device = await DashboardPage.open(browser, app)
  await device.signIn()
  await device.goTo('products')
  t.equal(await device.page.title(), 'Products · Harbour & Pine · Storefront')
  await app.sessions.revokeAll('demo-vendor-1')
  await device.goTo('orders', { fails: true })
  await device.text('sign-in-why', /no longer signed in/)
  await device.signIn('admin@demo.test')
  await device.text('user-name', /admin/)
  await device.goTo('products')
  t.equal(await device.page.getByRole('button', { name: /^Edit/ }).count(), 0)
  t.equal(await device.page.getByRole('link', { name: 'Cart' }).count(), 0, 'who changes nothing has no cart')
  await device.close()
}

async function withoutData(t: Test, browser: Browser, app: FastifyInstance): Promise<void> {
  // Long after the last order of the catalogue.
  const device = await DashboardPage.open(browser, app, { day: '2030-01-01T12:00:00Z' })
  const { page } = device
  await device.signIn()
  await page.getByRole('button', { name: 'Show the 90 days up to the last one, 31 Oct 2026' }).click()
  await device.text('figure-revenue', /€[1-9]/)
  await page.getByRole('heading', { name: 'Revenue by week' }).waitFor()
  t.equal(await page.locator('.bar-mark.part').count(), 1, 'a week of which not all days are shown')

  await page.route(/\/(?:products|orders|inventory)\?|\/inventory$/, (route) => route.fulfill({ json: [] }))
  for (const view of ['products', 'inventory', 'orders'] as const) {
    await device.goTo(view, { fails: true })
    await device.text(`${view}-status`, /^This shop has no (?:products|orders) yet\.$/)
    t.equal(await page.locator(`#${view}`).isVisible(), false, 'no table of titles')
  }
  await page.unrouteAll()
  await page.route(/\/cart$|\/products\?/, (route) => route.fulfill({ status: 500, json: { message: 'no' } }))
  await page.reload()
  await device.goTo('cart', { fails: true })
  await device.text('cart-error', /Something went wrong on the server/)
  t.equal(await page.locator('#cart-empty').isVisible(), false, 'what could not be read is not called empty')
  await device.goTo('products', { fails: true })
  await device.text('products-error', /Something went wrong on the server/)
  await page.unrouteAll()
  await page.locator('#products-error').getByRole('button', { name: 'Try again' }).click()
  await device.settled('products')
  t.equal(await page.locator('#products-error').isVisible(), false)
  await device.close()
}

async function longNames(t: Test, browser: Browser, app: FastifyInstance): Promise<void> {
  const names = ['Donaudampfschifffahrt'.repeat(19), 'كرسي خشبي '.repeat(40), '折りたたみ式の収納'.repeat(44)]
  for (const viewport of [desktop, phone, { width: 320, height: 640 }]) {
    const device = await DashboardPage.open(browser, app, { viewport })
    const { page } = device
    await page.route('**/products?*', async (route) => {
      const response = await route.fetch()
      let index = -1
      const body = (await response.text()).replace(/"name":"[^"]*"/g, (own) => {
        index += 1
        const name = names[index % 4]
        return name === undefined ? own : `"name":"${name}"`
      })
      await route.fulfill({ response, body })
    })
    await device.signIn()
    for (const view of views) {
      await device.goTo(view)
      if (view === 'products') {
        await page
          .getByRole('button', { name: /^Add to cart/ })
          .first()
          .click()
        await device.text('announce', /in the cart/)
      }
      const cutOff = await page.evaluate(
        `[...document.querySelectorAll('#${view}, #${view} table, #announce, html')]
          .filter((each) => each.checkVisibility() && each.scrollWidth > each.clientWidth + 1).map(({ id, tagName }) => id || tagName)`,
      )
      t.same(cutOff, [], `${view}, ${viewport.width} wide`)
    }
    await device.close()
  }
}

async function outage(t: Test, browser: Browser, app: FastifyInstance, redis: RedisServer): Promise<void> {
  const device = await DashboardPage.open(browser, app)
  const { page } = device
  await device.signIn()
  await device.text('health', /All is well/)
  await device.goTo('products')

  await redis.kill()
  await device.text('health', /Degraded, still serving/)
  await device.text('outage-text', /Redis is away: degraded, still serving/)
  await page.setViewportSize({ width: 320, height: 640 })
  t.equal(await page.evaluate(OVERFLOW), 0, 'what is said of it fits a small phone')
  await page.setViewportSize(desktop)
  await page.getByRole('button', { name: /^Edit/ }).first().click()
  await page.getByLabel('In stock').fill('77')
  await page.getByRole('button', { name: 'Save' }).click()
  await device.text('announce', /Saved/)
  for (const view of ['overview', 'orders', 'inventory', 'products'] as const) {
    await device.goTo(view)
    t.equal(await page.locator(`#${view}-error`).isVisible(), false, `${view} goes on`)
  }
  t.match(await page.locator('#products tbody tr').first().innerText(), /77/)
  const another = await DashboardPage.open(browser, app)
  await another.text('health', /Degraded, still serving/)
  await another.page.getByLabel('Password').fill('whatever')
  await another.page.getByRole('button', { name: 'Sign in' }).click()
  await another.text('sign-in-error', /\S/)

  await redis.restart({ keepData: true })
  await device.text('health', /All is well/)
  await device.text('outage-text', /Redis is back after/)
  await another.text('health', /All is well/)
  await another.signIn()
  await another.goTo('products')
  t.match(await another.page.locator('#products tbody tr').first().innerText(), /77/)
  t.same([...device.complaints, ...another.complaints], [])
  await Promise.all([device.close(), another.close()])
}

async function restart(
  t: Test,
  browser: Browser,
  app: FastifyInstance,
  start: (port: number) => Promise<FastifyInstance>,
): Promise<void> {
  const device = await DashboardPage.open(browser, app)
  await device.signIn()
  await device.text('live-state', /Live/)
  const port = Number(new URL(originOf(app)).port)
  await app.close()
  await device.text('health', /Not reachable/)
  await device.goTo('orders', { fails: true })
  await device.text('orders-error', /cannot be reached/)
  await start(port)
  await device.text('health', /All is well/)
  await device.text('live-state', /Live/)
  await device.settled('orders')
  t.equal(await device.page.locator('#orders-error').isVisible(), false)
  await device.close()
}
