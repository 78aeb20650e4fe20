import { startProcess, startRedisServer } from '@stayfast/test-kit'
import { createHmac } from 'node:crypto'
import t, { type Test } from 'tap'

const listening = /Server listening at (http:\/\/127\.0\.0\.1:\d+)/

async function postTwice(t: Test, env: Readonly<Record<string, string>>): Promise<string> {
  const started = await startProcess(
    new URL('apps/quick-start.js', import.meta.url),
    {
      env: { REDIS_URL: undefined, ...env, WEBHOOK_SECRET_SHOPIFY: 'shpss', PORT: '0' },
      readyWhen: listening,
    },
    t,
  )
  const url = listening.exec(await started.waitForLine(listening))?.[1] ?? ''
  const body = JSON.stringify({ id: 7 })
  const send = async (signature: string): Promise<number> => {
    const headers = {
      'x-shopify-hmac-sha256': signature,
      'x-shopify-topic': 'orders/create',
      'x-shopify-webhook-id': 'w-1',
      'x-shopify-shop-domain': 'one.example.test',
    }
    return (await fetch(`${url}/webhooks/shopify`, { method: 'POST', headers, body })).status
  }
  const signature = createHmac('sha256', 'shpss').update(body).digest('base64')
  t.strictSame([await send(signature), await send(signature), await send('forged')], [202, 200, 401])
  await started.waitForLine(/"shop":"one.example.test","order":{"id":7}/)
  return started.lines.map(({ text }) => text).join('\n')
}

t.test('the quick start takes a webhook of Shopify, on Redis and without', async (t) => {
  const server = await startRedisServer({}, t)
  t.match(await postTwice(t, { REDIS_URL: server.url }), '"webhooks: redis (')
  t.match(await postTwice(t, {}), 'webhooks: memory; set REDIS_URL to share and keep it')
})
