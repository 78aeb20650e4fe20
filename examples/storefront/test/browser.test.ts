import { eventually, type RedisServer, startRedisServer } from '@stayfast/test-kit'
import axe, { type AxeResults } from 'axe-core'
import { type FastifyInstance } from 'fastify'
import { type Browser, type Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { DashboardPage, desktop, openBrowser, originOf, phone, views } from './dashboard-page.js'
import { openCatalogue } from '../dist/catalogue/open-catalogue.js'
import { openStorefront } from './open-storefront.js'

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
      t.same(await seriousBarriers(device.page), [], `${view}, ${name}`)
      const overflow = await device.page.evaluate(OVERFLOW)
      t.equal(overflow, 0, `${view} needs no scrolling sideways, ${name}`)
    }
    await device.close()
  }
}

async function seriousBarriers(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
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

async function outage(t: Test, browser: Browser, app: FastifyInstance, redis: RedisServer): Promise<void> {
  const device = await DashboardPage.open(browser, app)
  const { page } = device
  await device.signIn()
  await device.text('health', /All is well/)
  await device.goTo('products')

  await redis.kill()
  await device.text('health', /Degraded, still serving/)
  await device.text('outage-text', /Redis is away: degraded, still serving/)
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
