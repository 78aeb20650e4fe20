import fastifyRedis from '@fastify/redis'
import { reaches, startRedisServer } from '@stayfast/test-kit'
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { OffLink, resolveLink, SharedLink, type RedisOption, type ResolvedLink } from '../dist/index.js'
import { openLink } from './open-link.js'

function resolve(
  t: Test,
  host: object,
  option?: RedisOption,
  settings: { role: string; share?: boolean } = { role: 'cache' },
): ResolvedLink | undefined {
  const resolved = resolveLink(host, option, settings)
  if (resolved?.owned === true) t.teardown(() => resolved.link.close())
  return resolved
}

/** What redis-connection decorates, as far as a plugin sees it. */
function connectionOf(link: OffLink | SharedLink): {
  asked: string[]
  link(role: string): OffLink | SharedLink
} {
  const asked: string[] = []
  return {
    asked,
    link: (role) => {
      asked.push(role)
      return link
    },
  }
}

t.test('the option comes first, then app.redisConnection, then app.redis, then memory', async (t) => {
  const server = await startRedisServer({}, t)
  const redis = new Redis(server.url)
  t.teardown(() => {
    redis.disconnect()
  })
  const own = openLink(t, server.url)
  const prefixes = { keyPrefix: () => '', channelPrefix: '' }
  const redisConnection = connectionOf(new SharedLink('cache', own, prefixes))

  t.equal(resolve(t, {}), undefined, 'memory')
  t.match(resolve(t, { redis }), { source: 'fastify-redis', owned: true })
  t.match(resolve(t, { redis, redisConnection }), { source: 'redis-connection', owned: false })
  t.strictSame(redisConnection.asked, ['cache'], 'by the role')
  t.match(resolve(t, { redis, redisConnection }, own), { link: own, source: 'option', owned: false })
  t.equal(resolve(t, { redis, redisConnection }, false), undefined, 'false means memory, whatever there is')
})

t.test('an app.redisConnection without a Redis means memory', (t) => {
  t.equal(resolve(t, { redisConnection: connectionOf(new OffLink('cache')) }), undefined)
  t.end()
})

t.test(
  'a client as option is worked with through a duplicate, or shared where that is asked for',
  async (t) => {
    const server = await startRedisServer({}, t)
    const client = new Redis(server.url)
    t.teardown(() => {
      client.disconnect()
    })
    const apart = resolve(t, {}, client)
    t.match(apart, { source: 'option', owned: true })
    t.equal(apart?.link.name, 'cache')
    const shared = resolve(t, {}, client, { role: 'cache', share: true })
    for (const [resolved, same] of [
      [apart, false],
      [shared, true],
    ] as const) {
      if (resolved === undefined) throw new Error('There is a link.')
      await reaches(resolved.link, 'up')
      t.equal(await resolved.link.run(async (used) => used === client), same)
    }
  },
)

t.test('a name as option is a namespace of @fastify/redis', async (t) => {
  const [one, two] = await Promise.all([startRedisServer({}, t), startRedisServer({}, t)])
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(fastifyRedis, { url: one.url, namespace: 'one', closeClient: true })
  await app.register(fastifyRedis, { url: two.url, namespace: 'two', closeClient: true })
  const resolved = resolve(t, app, 'two')
  t.match(resolved, { source: 'option', owned: true })
  if (resolved === undefined) throw new Error('There is a link.')
  await reaches(resolved.link, 'up')
  await resolved.link.run((client) => client.set('x', '1'))
  t.equal(await two.command('get', 'x'), '1')
  t.equal(resolve(t, app), undefined, 'namespaces alone are no app.redis')
  t.throws(() => resolve(t, app, 'three'), {
    name: 'TypeError',
    message: /no @fastify\/redis namespace "three": register/,
  })
  t.throws(() => resolve(t, {}, 'one'), { name: 'TypeError', message: /no @fastify\/redis namespace "one"/ })
})

t.test('anything else as option is refused', (t) => {
  for (const wrong of [{}, 5, true, null, { url: 'redis://:s3cr3t@h' }]) {
    t.throws(() => resolve(t, {}, wrong as unknown as RedisOption), {
      name: 'TypeError',
      message:
        'The option redis takes a link, an ioredis or iovalkey client, the name of an @fastify/redis namespace, or false.',
    })
  }
  t.end()
})
