import { randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import { DEMO_INSTANCE } from '../instances/demo-instance.js'
import { signedSample } from '../webhooks/signed-sample.js'
import { readWebhookSecrets } from '../webhooks/webhook-secrets.js'

const usage = `Sends a signed sample webhook to a storefront that runs.

  --provider generic            or shopify; signed with WEBHOOK_SECRET_GENERIC or WEBHOOK_SECRET_SHOPIFY
  --topic orders/create         or app/uninstalled, or any other
  --tenant name                 the instance, or the shop's domain; without it vendor 1's
  --id id                       of the order; a new one without it
  --product p-1-1               what was ordered
  --quantity 1                  and how many of it
  --webhook-id id               the sender's own id of the event; a new one without it
  --times 1                     how often the same event is sent
  --url http://127.0.0.1:3000   where the storefront listens
  --help                        shows this
`

try {
  process.exitCode = await run()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}

async function run(): Promise<number> {
  const { values } = parseArgs({
    args: process.argv.slice(2).filter((argument) => argument !== '--'),
    options: {
      provider: { type: 'string', default: 'generic' },
      topic: { type: 'string', default: 'orders/create' },
      tenant: { type: 'string' },
      id: { type: 'string', default: randomUUID() },
      product: { type: 'string', default: 'p-1-1' },
      quantity: { type: 'string', default: '1' },
      'webhook-id': { type: 'string', default: randomUUID() },
      times: { type: 'string', default: '1' },
      url: { type: 'string', default: 'http://127.0.0.1:3000' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(usage)
    return 0
  }
  const { provider, topic, id, product, quantity, times, url } = values
  if (provider !== 'generic' && provider !== 'shopify') {
    throw new TypeError('--provider is generic or shopify: nobody but Wix can sign for Wix')
  }
  const [secret] = readWebhookSecrets((name) => process.env[name])[provider]
  if (secret === undefined) {
    throw new TypeError(
      `WEBHOOK_SECRET_${provider.toUpperCase()} is not set: set it here and for the storefront, to the same text`,
    )
  }
  const tenant = values.tenant ?? (provider === 'generic' ? DEMO_INSTANCE : 'demo.myshopify.com')
  if (provider === 'generic' && topic === 'orders/create') await makeKnown(url, tenant)

  const { path, headers, body } = signedSample({
    provider,
    secret,
    webhookId: values['webhook-id'],
    topic,
    tenant,
    payload: { id, productId: product, quantity: Number(quantity) },
  })
  let refused = 0
  for (let count = 0; count < Number(times); count += 1) {
    const response = await fetch(new URL(path, url), { method: 'POST', headers, body })
    process.stdout.write(`${response.status} ${await response.text()}\n`)
    if (!response.ok) refused += 1
  }
  return refused === 0 ? 0 : 1
}

/** As opening its dashboard does; in production a bare id is refused, and the instance has to be known already. */
async function makeKnown(url: string, instance: string): Promise<void> {
  await fetch(new URL('/api/instances', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ instance }),
  })
}
