import { openLink } from '@stayfast/link-test-kit'
import type { RedisLink } from '@stayfast/redis-kit'
import { startRedisServer } from '@stayfast/test-kit'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { RateLimitOptions } from '../dist/index.js'
import { limitScripts } from '../dist/stores/limit-scripts.js'
import { openApp, statuses } from './open-app.js'

const server = await startRedisServer({}, t)
let apps = 0

const scripts = Object.values(limitScripts()).flatMap(({ decide, charge }) => [decide.sha1, charge.sha1])

/** A link whose process says nothing of being alive, so that nothing but decisions is counted. */
function withoutBeats(link: RedisLink): RedisLink {
  const bound = <T extends object>(target: T, own: Partial<T>): T =>
    new Proxy(target, {
      get(_target, name) {
        const value: unknown = Reflect.get(name in own ? own : target, name)
        if (typeof value !== 'function') return value
        return (...args: unknown[]): unknown => Reflect.apply(value, name in own ? own : target, args)
      },
    })
  return bound(link, {
    run: (work, options) =>
      link.run(
        (client) =>
          work(
            bound(client, {
              evalsha: async (sha1, keys, ...args) =>
                scripts.includes(sha1) ? client.evalsha(sha1, keys, ...args) : 1,
            }),
          ),
        options,
      ),
  })
}

async function open(t: Parameters<typeof openApp>[0], options: RateLimitOptions): Promise<FastifyInstance> {
  apps += 1
  const { app } = await openApp(t, {
    redis: withoutBeats(await openLink(t, server.url, { heartbeatMs: false, deadlineMs: 20_000 })),
    nameSpace: `app${apps}:`,
    ...options,
  })
  // Scripts that the server does not know yet.
  await app.inject({ url: '/', remoteAddress: '10.9.9.9' })
  return app
}

t.test('a decision is one command, a refusal that is known none', async (t) => {
  const app = await open(t, { max: 3 })
  t.same(await server.countCommands(() => statuses(app, 3)), { evalsha: 3 })
  t.same(await server.countCommands(() => statuses(app, 1)), { evalsha: 1 }, 'the first refusal')
  t.same(await server.countCommands(() => statuses(app, 50)), {}, 'the others')
})

t.test('100 requests of one turn are one command', async (t) => {
  const app = await open(t, { max: 60 })
  let codes: number[] = []
  const commands = await server.countCommands(async () => {
    const responses = await Promise.all(Array.from({ length: 100 }, () => app.inject('/')))
    codes = responses.map(({ statusCode }) => statusCode)
  })
  t.ok((commands['evalsha'] ?? 0) <= 5, JSON.stringify(commands))
  t.equal(codes.filter((code) => code === 200).length, 60)
})

t.test('100 clients in one turn are two commands, each with its own count', async (t) => {
  const app = await open(t, { max: 1 })
  let codes: number[] = []
  const ask = async (): Promise<void> => {
    const clients = Array.from({ length: 100 }, (_, index) => `10.0.${index}.1`)
    const responses = await Promise.all(
      clients.map((remoteAddress) => app.inject({ url: '/', remoteAddress })),
    )
    codes = responses.map(({ statusCode }) => statusCode)
  }
  const commands = await server.countCommands(ask)
  t.ok((commands['evalsha'] ?? 0) <= 5, JSON.stringify(commands))
  t.same([...new Set(codes)], [200])
  await ask()
  t.same([...new Set(codes)], [429])
})

t.test(
  'several policies are at most a command each, and none when one of them is known to refuse',
  async (t) => {
    const app = await open(t, { max: 9, policies: [{ name: 'all', max: 2, keyGenerator: () => 'all' }] })
    t.same(await server.countCommands(() => statuses(app, 2)), { evalsha: 2 })
    t.same(await server.countCommands(() => statuses(app, 20)), {})
  },
)

t.test('what is excluded, allowed or not concerned costs nothing', async (t) => {
  const app = await open(t, {
    max: 9,
    exclude: ['/other'],
    allowList: ['127.0.0.1'],
    policies: [{ name: 'user', max: 2, keyGenerator: () => undefined }],
  })
  t.same(await server.countCommands(() => statuses(app, 5)), {})
  t.same(await server.countCommands(() => statuses(app, 5, '/other')), {})
})
