import Fastify from 'fastify'
import t from 'tap'
import rateLimit from '../dist/index.js'
import { openApp, statuses } from './open-app.js'

const warnings = (lines: readonly { level: number; msg: string }[]): string[] =>
  lines.filter(({ level, msg }) => level === 40 && msg.includes('trustProxy')).map(({ msg }) => msg)

t.test('trustProxy: true lets clients choose their limit: the log says so, and what to do', async (t) => {
  const { app, lines } = await openApp(t, { max: 1 }, undefined, { trustProxy: true })
  t.match(warnings(lines), [/a client chooses its own address.*trustProxy: '10\.0\.0\.0\/8'/])
  const as = (address: string) => ({ url: '/', headers: { 'x-forwarded-for': address } })
  t.same([...(await statuses(app, 1, as('1.1.1.1'))), ...(await statuses(app, 1, as('2.2.2.2')))], [200, 200])
})

t.test('trustProxy: 1 trusts nobody, so that all clients share a limit: the log says so', async (t) => {
  const { app, lines } = await openApp(t, { max: 1 }, undefined, Object.fromEntries([['trustProxy', 1]]))
  t.match(warnings(lines), [/trusts no proxy at all/])
  const as = (address: string) => ({ url: '/', headers: { 'x-forwarded-for': address } })
  t.same([...(await statuses(app, 1, as('1.1.1.1'))), ...(await statuses(app, 1, as('2.2.2.2')))], [200, 429])
})

t.test('named proxies are right: no warning, and clients are told apart', async (t) => {
  const { app, lines } = await openApp(t, { max: 1 }, undefined, { trustProxy: '127.0.0.0/8, 10.0.0.0/8' })
  t.same(warnings(lines), [])
  const as = (address: string) => ({ url: '/', headers: { 'x-forwarded-for': address } })
  t.same(await statuses(app, 2, as('1.1.1.1')), [200, 429])
  t.same(await statuses(app, 1, as('2.2.2.2')), [200])
  // What a client adds on the left is not its address.
  t.same(await statuses(app, 1, as('3.3.3.3, 1.1.1.1')), [429])
})

t.test('it is noticed from inside a part of the app as well', async (t) => {
  const lines: string[] = []
  const app = Fastify({
    trustProxy: true,
    logger: { level: 'warn', stream: { write: (line: string) => lines.push(line) } },
  })
  t.teardown(() => app.close())
  await app.register(async (part) => {
    await part.register(rateLimit, { redis: false })
  })
  t.ok(lines.some((line) => line.includes('trustProxy: true')))
  t.same(warnings((await openApp(t)).lines), [])
})

t.test('sessions that were registered first are loaded for refused requests: the log says so', async (t) => {
  const lines: string[] = []
  const app = Fastify({ logger: { level: 'warn', stream: { write: (line: string) => lines.push(line) } } })
  t.teardown(() => app.close())
  app.decorateRequest('session', null)
  await app.register(rateLimit, { redis: false })
  t.ok(lines.some((line) => line.includes('Register rate-limit first')))
})
