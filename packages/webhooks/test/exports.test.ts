import t from 'tap'
import * as webhooks from '../dist/index.js'

t.test('the package exports what its README names, and nothing else', async (t) => {
  t.strictSame(Object.keys(webhooks).sort(), [
    'default',
    'github',
    'hmac',
    'shopify',
    'stripe',
    'webhooks',
    'wix',
  ])
  t.equal(webhooks.default, webhooks.webhooks)
})
