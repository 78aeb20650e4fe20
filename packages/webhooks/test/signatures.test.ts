import { sign as signForGithub } from '@octokit/webhooks-methods'
import '@shopify/shopify-api/adapters/node'
import { ApiVersion, shopifyApi } from '@shopify/shopify-api'
import { SignJWT } from 'jose'
import crypto, { createHmac, generateKeyPairSync } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import Stripe from 'stripe'
import t from 'tap'
import { github, hmac, shopify, stripe, wix, type Delivery, type Verdict } from '../dist/index.js'
import { hmacMatches } from '../dist/signatures/hmac-signature.js'
import { deliver } from './deliver.js'

const order = JSON.stringify({ id: 1, note: 'Käse 🧀', productId: 'p-1-1' })
const kindOf = async (verdict: Verdict | Promise<Verdict>): Promise<string> => (await verdict).kind

/** One bit of the body, and one of the signature. */
function forgeries(delivery: Delivery, header: string): Delivery[] {
  const flipped = Buffer.from(delivery.body)
  flipped.writeUInt8(flipped.readUInt8(3) ^ 1, 3)
  const signature = String(delivery.headers[header])
  const last = signature.endsWith('0') ? '1' : '0'
  return [
    { ...delivery, body: flipped },
    { ...delivery, body: Buffer.concat([delivery.body, Buffer.from(' ')]) },
    { ...delivery, body: Buffer.alloc(0) },
    { ...delivery, headers: { ...delivery.headers, [header]: signature.slice(0, -1) + last } },
    { ...delivery, headers: { ...delivery.headers, [header]: signature.slice(0, -2) } },
    { ...delivery, headers: { ...delivery.headers, [header]: `${signature}0` } },
    { ...delivery, headers: { ...delivery.headers, [header]: '' } },
    { ...delivery, headers: {} },
  ]
}

t.test('Shopify: what its own library believes is believed, and what it refuses is refused', async (t) => {
  const secret = 'shpss_of_this_test'
  const library = shopifyApi({
    apiKey: 'key',
    apiSecretKey: secret,
    apiVersion: ApiVersion.July25,
    isEmbeddedApp: false,
    hostName: 'app.example.test',
    logger: { log: () => undefined },
  })
  const provider = shopify({ secrets: secret })
  const signature = createHmac('sha256', secret).update(order).digest('base64')
  const good = deliver(order, {
    'X-Shopify-Hmac-Sha256': signature,
    'X-Shopify-Topic': 'orders/create',
    'X-Shopify-Webhook-Id': 'w-1',
    'X-Shopify-Shop-Domain': 'one.example.test',
    'X-Shopify-API-Version': '2025-07',
  })
  const believes = async ({ body, headers }: Delivery): Promise<boolean> => {
    const rawRequest = { headers, method: 'POST', url: '/webhooks/shopify' }
    return (await library.webhooks.validate({ rawBody: body.toString(), rawRequest })).valid
  }
  t.ok(await believes(good))
  t.match(await provider.verify(good), {
    kind: 'verified',
    event: { id: 'w-1', topic: 'orders/create', tenantId: 'one.example.test', body: order },
  })
  for (const forged of forgeries(good, 'x-shopify-hmac-sha256')) {
    t.notOk(await believes(forged))
    t.equal(await kindOf(provider.verify(forged)), 'unsigned')
  }
})

t.test('Stripe: what its own library signs is believed, and what it refuses is refused', async (t) => {
  const secret = 'whsec_of_this_test'
  const library = new Stripe('sk_test_x')
  const provider = stripe({ secrets: secret })
  const body = JSON.stringify({
    id: 'evt_1',
    type: 'charge.succeeded',
    account: 'acct_1',
    pending_webhooks: 2,
  })
  const nowMs = Date.now()
  const sign = (payload: string, timestamp = Math.floor(nowMs / 1000), by = secret): string =>
    library.webhooks.generateTestHeaderString({ payload, secret: by, timestamp })
  const believes = ({ body, headers }: Delivery): boolean => {
    try {
      library.webhooks.constructEvent(body, String(headers['stripe-signature']), secret)
      return true
    } catch {
      return false
    }
  }
  const good = deliver(body, { 'Stripe-Signature': sign(body) }, nowMs)
  t.ok(believes(good))
  t.match(await provider.verify(good), {
    kind: 'verified',
    event: { id: 'evt_1', topic: 'charge.succeeded', tenantId: 'acct_1', body },
  })
  const old = deliver(body, { 'Stripe-Signature': sign(body, Math.floor(nowMs / 1000) - 301) }, nowMs)
  const resigned = deliver(body, { 'Stripe-Signature': sign(body).replace(/t=\d+/, 't=9999999999') }, nowMs)
  const testScheme = deliver(body, { 'Stripe-Signature': sign(body).replace('v1=', 'v0=') }, nowMs)
  for (const forged of [...forgeries(good, 'stripe-signature'), old, resigned, testScheme]) {
    t.notOk(believes(forged))
    t.equal(await kindOf(provider.verify(forged)), 'unsigned')
  }
  const both = `${sign(body, Math.floor(nowMs / 1000), 'whsec_another')},${sign(body).replace(/t=\d+,/, '')}`
  t.equal(await kindOf(provider.verify(deliver(body, { 'Stripe-Signature': both }, nowMs))), 'verified')

  const later = body.replace('"pending_webhooks":2', '"pending_webhooks":1')
  const again = await provider.verify(deliver(later, { 'Stripe-Signature': sign(later) }, nowMs))
  const first = await provider.verify(good)
  t.equal(
    again.kind === 'verified' && again.event.fingerprint,
    first.kind === 'verified' && first.event.fingerprint,
    'what Stripe counts beside the event does not make it another one',
  )
})

t.test("GitHub: what Octokit signs is believed, what GitHub's own example says as well", async (t) => {
  const provider = github({ secrets: 'of this test' })
  const body = JSON.stringify({ action: 'opened', installation: { id: 77 } })
  const good = deliver(body, {
    'X-Hub-Signature-256': await signForGithub('of this test', body),
    'X-GitHub-Event': 'issues',
    'X-GitHub-Delivery': 'd-1',
  })
  t.match(await provider.verify(good), {
    kind: 'verified',
    event: { id: 'd-1', topic: 'issues', tenantId: '77', body },
  })
  for (const forged of forgeries(good, 'x-hub-signature-256')) {
    t.equal(await kindOf(provider.verify(forged)), 'unsigned')
  }
  // https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation
  const example = deliver('Hello, World!', {
    'X-Hub-Signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
  })
  t.match(await github({ secrets: "It's a Secret to Everybody" }).verify(example), {
    kind: 'unreadable',
    reason: /no JSON/,
  })
  t.equal(await kindOf(github({ secrets: 'another' }).verify(example)), 'unsigned')
})

t.test('Wix: a token of its key is believed, no other, and no expired one', async (t) => {
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const provider = wix({ publicKeys: pem.replaceAll('\n', String.raw`\n`) })
  const event = { id: 'e-1', entityFqdn: 'wix.ecom.v1.order', slug: 'created', entityId: 'o-1' }
  const envelope = (data: unknown): { data: string } => ({
    data: JSON.stringify({
      instanceId: 'i-1',
      eventType: 'wix.ecom.v1.order_created',
      data: JSON.stringify(data),
    }),
  })
  const issued = Math.floor(Date.now() / 1000)
  const token = (claims: Record<string, unknown>, key = pair.privateKey, at = issued): Promise<string> =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: 'RS256' })
      .setIssuedAt(at)
      .setExpirationTime(at + 3600)
      .sign(key)

  const verdict = await provider.verify(deliver(await token(envelope(event)), {}))
  t.match(verdict, {
    kind: 'verified',
    event: {
      id: 'e-1',
      topic: 'wix.ecom.v1.order_created',
      tenantId: 'i-1',
      body: JSON.stringify(event),
    },
  })
  const good = await token(envelope(event))
  const [header = '', payload = '', signature = ''] = good.split('.')
  const unsecured = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url')
  const symmetric = await new SignJWT(envelope(event))
    .setProtectedHeader({ alg: 'HS256' })
    .sign(Buffer.from(pem))
  for (const forged of [
    await token(envelope(event), other.privateKey),
    await token(envelope(event), pair.privateKey, issued - 7200),
    `${header}.${payload.slice(0, -2)}.${signature}`,
    `${unsecured}.${payload}.`,
    symmetric,
    'no token',
    '',
  ]) {
    t.equal(await kindOf(provider.verify(deliver(forged, {}))), 'unsigned', forged.slice(0, 20))
  }

  const idOf = async (claims: Record<string, unknown>, at: number): Promise<string> => {
    const found = await provider.verify(deliver(await token(claims, pair.privateKey, at), {}))
    return found.kind === 'verified' ? found.event.id : found.kind
  }
  const installed = envelope({ appId: 'a' })
  t.equal(await idOf(installed, issued), await idOf(installed, issued), 'no id: the same token, the same id')
  t.not(await idOf(installed, issued), await idOf(installed, issued - 60), 'a later one is another event')
  t.match(await provider.verify(deliver(await token({ data: 'x' }), {})), { kind: 'unreadable' })
  t.match(await provider.verify(deliver(await token({ data: '{"data":"x"}' }), {})), { kind: 'unreadable' })
  for (const wrong of ['no key', '', other.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()]) {
    const build = (): unknown => wix({ publicKeys: wrong })
    if (wrong.includes('PRIVATE')) t.ok(build(), 'a public key is found in a private one')
    else t.throws(build, { code: 'STAY_WEBHOOK_OPTION_INVALID' })
  }
  const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey
  t.throws(() => wix({ publicKeys: curve.export({ type: 'spki', format: 'pem' }).toString() }), /RSA/)
})

t.test('a generic sender signs the body, or a timestamp and the body, the way it is told', async (t) => {
  const of = (algorithm: string, encoding: 'hex' | 'base64', content: string): string =>
    createHmac(algorithm, 'k').update(content).digest(encoding)
  const ids = { 'X-Webhook-Id': 'w-1', 'X-Topic': 'orders/create', 'X-Tenant': 'i-1' }
  const plain = deliver(order, { 'X-Signature': of('sha256', 'hex', order), ...ids })
  t.match(await hmac({ secrets: 'k' }).verify(plain), {
    kind: 'verified',
    event: { id: 'w-1', topic: 'orders/create', tenantId: 'i-1', body: order },
  })
  for (const forged of forgeries(plain, 'x-signature')) {
    t.equal(await kindOf(hmac({ secrets: 'k' }).verify(forged)), 'unsigned')
  }
  const upper = {
    ...plain,
    headers: { ...plain.headers, 'x-signature': of('sha256', 'hex', order).toUpperCase() },
  }
  t.equal(await kindOf(hmac({ secrets: 'k' }).verify(upper)), 'verified', 'hex in capitals')

  const nowMs = Date.now()
  const special = hmac({
    secrets: 'k',
    algorithm: 'sha512',
    encoding: 'base64',
    prefix: 'v2=',
    signatureHeader: 'Acme-Sig',
    timestampHeader: 'Acme-Time',
    separator: ':',
    toleranceSeconds: 60,
    idHeader: 'Acme-Id',
    topicHeader: 'Acme-Topic',
    tenantHeader: 'Acme-Shop',
  })
  const at = (timestamp: string): Delivery =>
    deliver(
      order,
      {
        'Acme-Sig': `v2=${of('sha512', 'base64', `${timestamp}:${order}`)}`,
        'Acme-Time': timestamp,
        'Acme-Id': 'a',
        'Acme-Topic': 'b',
      },
      nowMs,
    )
  const seconds = Math.floor(nowMs / 1000)
  t.match(await special.verify(at(String(seconds))), { kind: 'verified', event: { id: 'a', tenantId: '' } })
  t.equal(await kindOf(special.verify(at(String(nowMs - 30_000)))), 'verified', 'milliseconds')
  t.equal(await kindOf(special.verify(at(String(seconds + 600)))), 'verified', "the sender's clock is ahead")
  for (const wrong of [String(seconds - 62), String(nowMs - 62_000), 'soon', '']) {
    t.equal(await kindOf(special.verify(at(wrong))), 'unsigned', wrong)
  }
})

t.test('while secrets rotate each of them is right, and no other', async (t) => {
  const signedBy = (secret: string): Delivery =>
    deliver(order, {
      'X-Signature': createHmac('sha256', secret).update(order).digest('hex'),
      'X-Webhook-Id': 'w-1',
      'X-Topic': 'x',
    })
  const provider = hmac({ secrets: ['new', 'old'] })
  t.equal(await kindOf(provider.verify(signedBy('new'))), 'verified')
  t.equal(await kindOf(provider.verify(signedBy('old'))), 'verified')
  t.equal(await kindOf(provider.verify(signedBy('older'))), 'unsigned')
})

t.test('each secret is compared with each signature in constant time, whichever of them fits', async (t) => {
  const compared = t.capture(crypto, 'timingSafeEqual', crypto.timingSafeEqual)
  syncBuiltinESMExports()
  t.teardown(() => {
    compared.restore()
    syncBuiltinESMExports()
  })
  const rule = { algorithm: 'sha256', encoding: 'hex' } as const
  const of = (secret: string): string => createHmac('sha256', secret).update(order).digest('hex')
  for (const [signatures, secrets, expected] of [
    [[of('a'), of('b')], ['a', 'b', 'c'], true],
    [[of('c'), of('x')], ['a', 'b', 'c'], true],
    [[of('x'), of('y')], ['a', 'b', 'c'], false],
  ] as const) {
    t.equal(hmacMatches([order], signatures, secrets, rule), expected)
    t.equal(compared().length, signatures.length * secrets.length)
  }
})

t.test('what is signed and is no event is unreadable, and says what it lacks', async (t) => {
  const signed = (body: string | Buffer, headers: Record<string, string>): Delivery =>
    deliver(body, { 'X-Signature': createHmac('sha256', 'k').update(body).digest('hex'), ...headers })
  const provider = hmac({ secrets: 'k' })
  const ids = { 'X-Webhook-Id': 'w-1', 'X-Topic': 'x' }
  const expected: [Delivery, RegExp][] = [
    [signed('no json', ids), /no JSON/],
    [signed('', ids), /no JSON/],
    [signed(Buffer.from([0x22, 0xff, 0x22]), ids), /no JSON/],
    [signed('{}', { 'X-Topic': 'x' }), /X-Webhook-Id/],
    [signed('{}', { 'X-Webhook-Id': 'w-1' }), /X-Topic/],
    [signed('{}', { ...ids, 'X-Webhook-Id': 'x'.repeat(501) }), /longer than 500/],
  ]
  for (const [delivery, reason] of expected) {
    t.match(await provider.verify(delivery), { kind: 'unreadable', reason })
  }
})

t.test('a preset that anybody could sign for, or is misspelt, is refused at once', async (t) => {
  for (const secrets of ['', ' ', [], ['a', '']]) {
    t.throws(() => shopify({ secrets }), { code: 'STAY_WEBHOOK_OPTION_INVALID', message: /let anybody sign/ })
  }
  const misspelt = { secrets: 'k', toleranceSecond: 1 }
  t.throws(() => stripe(misspelt), /Did you mean "toleranceSeconds"/)
  t.throws(() => stripe({ secrets: 'k', toleranceSeconds: 0 }), /toleranceSeconds/)
  const build = (preset: (options: never) => unknown, options: object) => (): void => {
    Reflect.apply(preset, undefined, [options])
  }
  t.throws(build(hmac, { secrets: 'k', algorithm: 'md5' }), /algorithm/)
  t.throws(build(hmac, { secrets: 'k', encoding: 'utf8' }), /encoding/)
  t.throws(build(github, {}), { code: 'STAY_WEBHOOK_OPTION_INVALID' })
  for (const preset of [shopify, stripe, github, wix, hmac]) {
    for (const options of [undefined, null, 'k']) {
      const withOptions = (): unknown => Reflect.apply(preset, undefined, [options])
      t.throws(withOptions, { code: 'STAY_WEBHOOK_OPTION_INVALID' }, `${preset.name}(${String(options)})`)
    }
  }
  for (const options of [
    { prefix: 5 },
    { separator: 5 },
    { signatureHeader: '' },
    { idHeader: 5 },
    { topicHeader: 'X Topic' },
    { timestampHeader: '' },
    { tenantHeader: null },
    { toleranceSeconds: '300' },
    { toleranceSeconds: Number.NaN },
  ]) {
    const wrong = build(hmac, { secrets: 'k', ...options })
    t.throws(wrong, { code: 'STAY_WEBHOOK_OPTION_INVALID' }, JSON.stringify(options))
  }
})

t.test('an option of a preset that is undefined counts as not given', async (t) => {
  const names = ['algorithm', 'encoding', 'prefix', 'signatureHeader', 'timestampHeader', 'separator']
  const headers = ['toleranceSeconds', 'idHeader', 'topicHeader', 'tenantHeader']
  const unset = Object.fromEntries([...names, ...headers].map((name) => [name, undefined]))
  const delivery = deliver(order, {
    'X-Signature': createHmac('sha256', 'k').update(order).digest('hex'),
    'X-Webhook-Id': 'w-1',
    'X-Topic': 'x',
    'X-Tenant': 'i-1',
  })
  t.match(await hmac({ ...unset, secrets: 'k' }).verify(delivery), {
    kind: 'verified',
    event: { id: 'w-1', topic: 'x', tenantId: 'i-1' },
  })
})
