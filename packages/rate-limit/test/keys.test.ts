import { mkdtemp, rm } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { allowEntries } from '../dist/allow-list.js'
import { normalizeAddress } from '../dist/client-address.js'
import { ExcludedPaths } from '../dist/excluded-paths.js'
import { openApp, statuses } from './open-app.js'

t.test('an IPv6 client is its /64, a mapped IPv4 address is that address', async (t) => {
  const same = [
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::FFFF:A00:1', '10.0.0.1'],
    ['fe80::1%eth0', 'fe80::2%eth1'],
    ['2001:DB8::1', '2001:db8::2'],
  ] as const
  for (const [one, other] of same) t.equal(normalizeAddress(one, 64), normalizeAddress(other, 64), one)
  t.not(normalizeAddress('2001:db8:1:2::1', 64), normalizeAddress('2001:db8:1:3::1', 64))
  t.equal(normalizeAddress('2001:db8:1:2::1', 48), normalizeAddress('2001:db8:1:3::1', 48))
  t.not(normalizeAddress('2001:db8::1', 128), normalizeAddress('2001:db8::2', 128))
})

t.test('clients of one IPv6 network share a limit, others do not', async (t) => {
  const { app } = await openApp(t, { max: 1 })
  const from = async (remoteAddress: string): Promise<number> =>
    (await app.inject({ url: '/', remoteAddress })).statusCode
  t.same(await Promise.all([from('2001:db8::1')]), [200])
  t.equal(await from('2001:db8::2'), 429)
  t.equal(await from('2001:db8:0:1::1'), 200)
  t.equal(await from('10.0.0.1'), 200)
  t.equal(await from('::ffff:10.0.0.1'), 429)
})

t.test(
  'clients of a unix socket have no address: they are counted together, and the log says so',
  async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'rate-limit-'))
    t.teardown(() => rm(folder, { recursive: true }))
    const path = join(folder, 'app.sock')
    const { app, lines } = await openApp(t, { max: 2 })
    await app.listen({ path })
    const status = (): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        httpRequest({ socketPath: path, path: '/', agent: false }, (response) => {
          response.resume()
          resolve(response.statusCode)
        })
          .on('error', reject)
          .end()
      })
    t.same([await status(), await status(), await status()], [200, 200, 429])
    t.ok(lines.some(({ level, msg }) => level === 40 && msg.includes('unix socket')))
  },
)

t.test('the allow list takes keys, addresses and networks, and never widens an address', async (t) => {
  const allows = allowEntries(['10.0.0.0/8', '2001:db8::1', 'fd00::/8', '192.0.2.1', 'partner'], true)
  const asked = (ip: string, key = normalizeAddress(ip, 64)): unknown =>
    Reflect.apply(allows, undefined, [{ ip }, key])
  for (const ip of ['10.1.2.3', '2001:db8::1', 'fd12::1', '192.0.2.1', '::ffff:192.0.2.1'])
    t.equal(asked(ip), true, ip)
  for (const ip of ['11.0.0.1', '2001:db8::2', '192.0.2.2', 'fe80::1']) t.equal(asked(ip), false, ip)
  t.equal(asked('1.2.3.4', 'partner'), true)
})

t.test('an address on the allow list is that address, however it is written', async (t) => {
  for (const [entry, ip] of [
    ['2001:db8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:DB8::1', '2001:db8::1'],
    ['10.0.0.1', '::ffff:10.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['fe80::1', 'fe80::1%eth0'],
  ] as const) {
    for (const keyGenerator of [undefined, () => 'everybody']) {
      const keys = keyGenerator === undefined ? {} : { keyGenerator }
      const { app } = await openApp(t, { max: 0, allowList: [entry], ...keys })
      t.equal((await app.inject({ url: '/', remoteAddress: ip })).statusCode, 200, `${entry} ${ip}`)
    }
  }
  const network = await openApp(t, { max: 0, allowList: ['2001:db8::'] })
  const neighbour = await network.app.inject({ url: '/', remoteAddress: '2001:db8::5' })
  t.equal(neighbour.statusCode, 429, 'nor is the first address of a network all of it')
  const keyed = await openApp(t, { max: 0, allowList: ['192.0.2.1'], keyGenerator: () => '192.0.2.1' })
  t.equal((await keyed.app.inject('/')).statusCode, 200, 'a key may be an address that the app knows')
})

t.test('who is on the allow list is not counted and sees no limit', async (t) => {
  const { app } = await openApp(
    t,
    { max: 1, allowList: async (request, key) => request.headers['x-partner'] === key },
    (app) => {
      app.get('/static', { config: { rateLimit: { allowList: ['127.0.0.0/8'] } } }, async () => 'ok')
    },
  )
  const partner = { url: '/', headers: { 'x-partner': '127.0.0.1' } }
  t.same(await statuses(app, 3, partner), [200, 200, 200])
  t.equal((await app.inject(partner)).headers['ratelimit'], undefined)
  t.same(await statuses(app, 3, '/static'), [200, 200, 200])
  t.same(await statuses(app, 2), [200, 429])
})

t.test('a key may be a number, or come later', async (t) => {
  const { app } = await openApp(t, {}, (app) => {
    app.get('/number', { config: { rateLimit: { max: 1, keyGenerator: () => 7 } } }, async () => 'ok')
    app.get('/later', { config: { rateLimit: { max: 1, keyGenerator: async () => 'k' } } }, async () => 'ok')
  })
  t.same(await statuses(app, 2, '/number'), [200, 429])
  t.same(await statuses(app, 2, '/later'), [200, 429])
})

t.test('an exclusion is a path, or all that begins with one', async (t) => {
  const excluded = new ExcludedPaths(['/', '/a/*', '/b'])
  for (const url of ['/', '/?x', '/a/', '/a/b?c', '/b', '/b?x=/c']) t.ok(excluded.has(url), url)
  for (const url of ['/a', '/b/', '/c', '/%61/b', '/x?/a/', '//a/b']) t.notOk(excluded.has(url), url)
  t.notOk(new ExcludedPaths([]).has('/'))
})
