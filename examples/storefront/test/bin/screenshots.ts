import { startRedisServer } from '@stayfast/test-kit'
import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { buildApp } from '../../dist/app.js'
import { readConfig } from '../../dist/config.js'
import { DashboardPage, openBrowser, phone, type ViewName } from '../dashboard-page.js'
import { DEMO_PASSWORD } from '../demo-password.js'

// Makes the pictures of the README: `pnpm --filter @stayfast/storefront run screenshots`.

/** The newest orders of the catalogue are of that day, so that the pictures do not change with the calendar. */
const PICTURED_DAY = '2026-11-01T12:00:00Z'
const folder = fileURLToPath(new URL('../../docs/', import.meta.url))

const browser = await openBrowser()
if (typeof browser === 'string') throw new Error(browser)
await mkdir(folder, { recursive: true })
const redis = await startRedisServer({ appendOnly: true })
const app = await buildApp(
  readConfig({ LOG_LEVEL: 'silent', DEMO_PASSWORD, REDIS_URL: redis.url, RATE_LIMIT_MAX: '400' }),
)
try {
  await app.listen({ port: 0 })
  const light = await DashboardPage.open(browser, app, { day: PICTURED_DAY })
  await light.page.getByRole('heading', { name: 'Sign in' }).waitFor()
  await picture(light, 'sign-in')
  await light.signIn()
  await light.goTo('products')
  for (const product of [1, 2, 6]) {
    await light.page
      .getByRole('button', { name: /^Add to cart/ })
      .nth(product)
      .click()
    await light.text('announce', /is in the cart/)
  }
  // Once more, so that the pictures show the cache at work.
  for (const view of ['overview', 'inventory', 'orders'] as const) await show(light, view)
  await light.page.reload()
  for (const view of ['overview', 'products', 'inventory', 'orders', 'cart'] as const) {
    if (view === 'products') await edit(light)
    await show(light, view)
    await picture(light, view)
  }
  const dark = await DashboardPage.open(browser, app, { day: PICTURED_DAY, colorScheme: 'dark' })
  await dark.signIn()
  await show(dark, 'overview')
  await picture(dark, 'overview-dark')
  const small = await DashboardPage.open(browser, app, { day: PICTURED_DAY, viewport: phone })
  await small.signIn()
  for (const view of ['overview', 'products', 'redis'] as const) {
    await show(small, view)
    await picture(small, `phone-${view}`)
  }
  await redis.kill()
  await light.text('outage-text', /Redis is away/)
  await show(light, 'overview')
  await picture(light, 'outage')
} finally {
  await browser.close()
  await app.close()
  await redis.stop()
}

async function show(device: DashboardPage, view: ViewName): Promise<void> {
  await device.goTo(view)
  // What was just said has been read, and the figures of the panel have caught up.
  await device.page.locator('#announce:empty').waitFor({ state: 'attached' })
  await device.page.locator('#per-day').filter({ hasText: /\d/ }).waitFor({ state: 'attached' })
}

async function edit(device: DashboardPage): Promise<void> {
  await show(device, 'products')
  await device.page.getByRole('button', { name: /^Edit/ }).nth(2).click()
}

async function picture({ page }: DashboardPage, name: string): Promise<void> {
  await page.screenshot({ path: `${folder}${name}.png` })
  process.stdout.write(`${name}.png\n`)
}
