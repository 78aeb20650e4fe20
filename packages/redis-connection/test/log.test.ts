import assert from 'node:assert/strict'
import { eventually, freePort, startRedisServer } from '@stayfast/test-kit'
import fc from 'fast-check'
import t from 'tap'
import type { RedisConnectionOptions, Role } from '../dist/index.js'
import { reaches, request, startApp } from './support/app.js'

const roles: readonly Role[] = ['default', 'cache', 'queue', 'webhook']

t.test(
  'an outage is told when it begins, with a diagnosis, and when it is over, whatever the number of roles',
  async (t) => {
    const server = await startRedisServer({}, t)
    const { app, lines } = await startApp(t, { url: server.url })
    const links = roles.map((role) => app.redisConnection.link(role))
    await Promise.all(links.map((link) => reaches(link, 'up')))
    const before = lines('info').length
    await server.kill()
    const until = performance.now() + 1500
    while (performance.now() < until) {
      await Promise.all(links.map(request))
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await server.restart()
    await Promise.all(links.map((link) => reaches(link, 'up')))
    await eventually(() => lines('info').some((line) => line.startsWith('Redis is back')))
    const told = lines('info').slice(before)
    t.ok(told.length <= 3, told.join('\n'))
    t.match(told[0], /^Redis is away \(.*\): .* The app keeps serving and goes on trying to reconnect\.$/)
    t.match(told.at(-1), /^Redis is back after \d+\.\d s: default, queue, webhook\.$/)
  },
)

t.test('the start says why Redis was not reached, once and in one line', async (t) => {
  const { lines } = await startApp(t, { url: `redis://127.0.0.1:${await freePort()}` })
  t.equal(lines('info').length, 1)
  t.match(lines('info')[0], /not reached: Nothing listens at this address.*The app starts without it\.$/)
})

t.test('a log of any level holds no URL, address, user or password, whatever goes wrong', async (t) => {
  const guarded = await startRedisServer({ username: 'app', password: 'right' }, t)
  const single = await startRedisServer({ databases: 1 }, t)
  const encrypted = await startRedisServer({ tls: true }, t)
  const goneport = await freePort()
  const secret = fc
    .tuple(fc.string({ unit: 'grapheme-ascii', maxLength: 6 }), fc.integer({ min: 1e9, max: 9e9 }))
    .map(([text, number]) => `zq${number}${text}`)
  await fc.assert(
    fc.asyncProperty(secret, secret, async (user, password) => {
      const login = `${encodeURIComponent(user)}:${encodeURIComponent(password)}@`
      const options: RedisConnectionOptions[] = [
        { url: `redis://${login}127.0.0.1:${guarded.port}` },
        { url: `redis://${login}127.0.0.1:${goneport}` },
        { url: `redis://${login}127.0.0.1:${single.port}/3` },
        { url: `redis://${login}127.0.0.1:${encrypted.port}` },
        { url: `rediss://${login}127.0.0.1:${encrypted.port}` },
        { url: `rediss://${login}127.0.0.1:${single.port}`, connectTimeoutMs: 300 },
        {
          env: {
            REDIS_URL: `redis://${login}127.0.0.1:${goneport}`,
            REDIS_HOST: 'x',
            REDIS_PASSWORD: password,
          },
        },
      ]
      await Promise.all(
        options.map(async (option) => {
          const { app, link, log } = await startApp(t, { bootWaitMs: 100, ...option })
          await request(link)
          await new Promise((resolve) => setTimeout(resolve, 350))
          await app.close()
          const text = log.join('\n')
          for (const hidden of [user, password, encodeURIComponent(user), encodeURIComponent(password)]) {
            // As JSON writes it, and its part that is like no other.
            assert.ok(!text.includes(JSON.stringify(hidden).slice(1, -1)), text)
            assert.ok(!text.includes(hidden.slice(0, 12)), text)
          }
          assert.doesNotMatch(text, /rediss?:\/\/[^ ;.,]*(@|\d)|127\.0\.0\.1/)
        }),
      )
    }),
    { numRuns: 6 },
  )
  t.pass()
})
