import t from 'tap'
import { hmac } from '../dist/index.js'
import { checkOptions, defaultOptions } from '../dist/options.js'

const providers = { generic: hmac({ secrets: 'x' }) }
const wrong = (options: object) => (): void => {
  Reflect.apply(checkOptions, undefined, [{ providers, env: false, ...options }])
}

t.test('what is not given has its default', async (t) => {
  t.strictSame(checkOptions({ providers, env: false }), { ...defaultOptions, providers })
  t.doesNotThrow(wrong({ attempts: undefined }))
})

t.test('the environment fills in, and an option wins over it', async (t) => {
  const env = { QUEUE_CONCURRENCY: '7', QUEUE_ATTEMPTS: '', QUEUE_BACKOFF_DELAY: ' 250 ' }
  t.match(checkOptions({ providers, env }), { concurrency: 7, attempts: 3, backoffDelayMs: 250 })
  t.match(checkOptions({ providers, env, concurrency: 1 }), { concurrency: 1 })
  for (const value of ['0', '-1', '1.5', 'many', '1e3']) {
    t.throws(() => checkOptions({ providers, env: { QUEUE_CONCURRENCY: value } }), {
      code: 'STAY_WEBHOOK_OPTION_INVALID',
      message: /QUEUE_CONCURRENCY/,
    })
  }
})

t.test('an option that is misspelt or cannot be is refused, and its value is not told', async (t) => {
  t.throws(wrong({ atempts: 1 }), {
    code: 'STAY_WEBHOOK_OPTION_INVALID',
    message: /no option "atempts". Did you mean "attempts"/,
  })
  for (const options of [
    { providers: undefined },
    { providers: [] },
    { providers: { 'a b': providers.generic } },
    { providers: { generic: {} } },
    { path: '/webhooks' },
    { path: 'webhooks/:provider' },
    { queueName: 'a:b' },
    { acceptedStatus: 204 },
    { attempts: 0 },
    { leaseSeconds: 0 },
    { closeSeconds: -1 },
    { rememberSeconds: 0.5 },
    { env: 'x' },
    { maxInMemory: 1e15 },
    { maxReceiptsInMemory: 1e9 },
  ]) {
    t.throws(wrong(options), { code: 'STAY_WEBHOOK_OPTION_INVALID' }, JSON.stringify(options))
  }
})
