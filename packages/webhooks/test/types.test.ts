import Fastify from 'fastify'
import t from 'tap'
import webhooks, { shopify } from '../dist/index.js'

interface Order {
  readonly id: number
  readonly total_price: string
}

declare module '../dist/index.js' {
  interface WebhookPayloads {
    shopify: { 'orders/create': Order }
  }
}

t.test('a handler knows the payload that the app declared, and others are unknown', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(webhooks, { redis: false, providers: { shopify: shopify({ secrets: 'x' }) } })
  app.webhooks.on('shopify', 'orders/create', ({ payload }) => {
    const id: number = payload.id
    // @ts-expect-error there is no such field
    const nothing: unknown = payload.nothing
    return [id, nothing]
  })
  app.webhooks.on('shopify', 'app/uninstalled', async ({ payload }, { signal }) => {
    // @ts-expect-error nobody has declared what it looks like
    const id: unknown = payload.id
    const aborted: boolean = signal.aborted
    return [id, aborted]
  })
  t.pass()
})
