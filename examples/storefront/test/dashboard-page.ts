import { provideChromium } from '@stayfast/test-kit'
import { type FastifyInstance } from 'fastify'
import { type Browser, chromium, type Locator, type Page } from 'playwright-core'
import { DEMO_PASSWORD } from './demo-password.js'

/** A slow machine beside other suites. */
const PATIENCE_MS = 40_000
/** What the page is told while nobody is signed in, or something is away; browsers log each as an error. */
const EXPECTED = /status of (?:401|503)|net::ERR_/

export const desktop = { width: 1360, height: 900 }
export const phone = { width: 390, height: 844 }
export const views = ['overview', 'products', 'inventory', 'orders', 'cart', 'redis'] as const
export type ViewName = (typeof views)[number]

/** A browser of this machine, or the reason why there is none. */
export async function openBrowser(): Promise<Browser | string> {
  try {
    const { path } = await provideChromium((line) => {
      process.stderr.write(`${line}\n`)
    })
    // As root, as in most containers, Chromium's own sandbox does not start; all it opens here is ours.
    return await chromium.launch({ executablePath: path, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
  } catch (error) {
    return (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ')
  }
}

/** Where an app that listens is reached. */
export function originOf(app: FastifyInstance): string {
  const address = app.addresses().find((each) => typeof each !== 'string')
  if (address === undefined) throw new RangeError('the app does not listen')
  return `http://127.0.0.1:${address.port}`
}

/** The dashboard in a browser of its own, as a device of somebody. */
export class DashboardPage {
  readonly page: Page
  /** What the browser complained about. */
  readonly complaints: string[] = []
  readonly #origin: string

  private constructor(page: Page, origin: string) {
    this.page = page
    this.#origin = origin
    page.setDefaultTimeout(PATIENCE_MS)
    page.on('pageerror', (error) => this.complaints.push(error.message))
    page.on('console', (message) => {
      if (message.type() === 'error' && !EXPECTED.test(message.text())) this.complaints.push(message.text())
    })
  }

  static async open(
    browser: Browser,
    app: FastifyInstance,
    {
      instance = '00000000-0000-4000-8000-000000000001',
      viewport = desktop,
      colorScheme = 'light',
      day,
    }: {
      instance?: string
      viewport?: { width: number; height: number }
      colorScheme?: 'light' | 'dark'
      /** What the browser takes for now; ISO 8601. */
      day?: string
    } = {},
  ): Promise<DashboardPage> {
    const context = await browser.newContext({ viewport, colorScheme, locale: 'en-IE', timezoneId: 'UTC' })
    const shown = new DashboardPage(await context.newPage(), originOf(app))
    if (day !== undefined) await shown.page.clock.setSystemTime(new Date(day))
    await shown.page.goto(`${shown.#origin}/dashboard?instance=${instance}`)
    return shown
  }

  async signIn(email?: string): Promise<void> {
    if (email !== undefined) await this.page.getByLabel('E-mail address').fill(email)
    await this.page.getByLabel('Password').fill(DEMO_PASSWORD)
    await this.page.getByRole('button', { name: 'Sign in' }).click()
    await this.page.getByRole('navigation', { name: 'Dashboard' }).waitFor()
  }

  /** Goes to a view and waits until it has what it shows, unless it cannot have it. */
  async goTo(view: ViewName, { fails = false } = {}): Promise<void> {
    await this.page.evaluate(`location.hash = '${view}'`)
    await this.page.locator(`body[data-view="${view}"]`).waitFor()
    if (!fails) await this.settled(view)
  }

  async settled(view: ViewName): Promise<void> {
    const shown: Readonly<Record<ViewName, Locator>> = {
      overview: this.page.locator('#overview:not([aria-busy="true"])'),
      products: this.page.locator('#products:not([aria-busy="true"]) tbody tr').first(),
      inventory: this.page.locator('#inventory:not([aria-busy="true"]) tbody tr').first(),
      orders: this.page.locator('#orders:not([aria-busy="true"]) tbody tr').first(),
      cart: this.page.locator('#cart tbody tr, #cart-empty:not([hidden])').first(),
      redis: this.page.locator('#redis[data-live="true"]'),
    }
    await shown[view].waitFor({ state: view === 'redis' ? 'attached' : 'visible' })
  }

  /** A text of the page, once it is what is waited for. */
  async text(id: string, wanted: RegExp = /\S/): Promise<string> {
    const place = this.page.locator(`#${id}`).filter({ hasText: wanted })
    await place.waitFor()
    return place.innerText()
  }

  row(name: string | RegExp): Locator {
    return this.page.getByRole('row', { name })
  }

  async close(): Promise<void> {
    await this.page.context().close()
  }
}
