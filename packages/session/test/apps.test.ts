import { startProcess, startRedisServer } from '@stayfast/test-kit'
import t, { type Test } from 'tap'
import { secret } from './create-app.js'

const listening = /Server listening at (http:\/\/127\.0\.0\.1:\d+)/

async function startApp(t: Test, name: string, redisUrl: string): Promise<string> {
  const process = await startProcess(
    new URL(`apps/${name}.js`, import.meta.url),
    { env: { REDIS_URL: redisUrl, SESSION_SECRET: secret, PORT: '0' }, readyWhen: listening },
    t,
  )
  return listening.exec(await process.waitForLine(listening))?.[1] ?? ''
}

async function send(url: string, cookie: string, method = 'GET', body?: object): Promise<Response> {
  return fetch(url, {
    method,
    headers: { cookie, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

const cookieOf = (response: Response): string => response.headers.get('set-cookie')?.split(';')[0] ?? ''

t.test('who signs in at one process goes on at another, and signs out at both', async (t) => {
  const server = await startRedisServer({}, t)
  const [one, other] = await Promise.all([
    startApp(t, 'with-fastify-redis', server.url),
    startApp(t, 'with-fastify-redis', server.url),
  ])
  const cookie = cookieOf(await send(`${one}/login`, '', 'POST', { userId: 'ada', roles: ['vendor'] }))
  const me = await send(`${other}/me`, cookie)
  t.match(await me.json(), { userId: 'ada', roles: ['vendor'] })
  t.equal((await send(`${other}/logout`, cookie, 'POST')).status, 200)
  t.equal((await send(`${one}/me`, cookie)).status, 401)
})

t.test('an app with its own @fastify/session counts visits in two processes', async (t) => {
  const server = await startRedisServer({}, t)
  const [one, other] = await Promise.all([
    startApp(t, 'own-fastify-session', server.url),
    startApp(t, 'own-fastify-session', server.url),
  ])
  const first = await send(`${one}/visits`, '')
  t.strictSame(await first.json(), { visits: 1 })
  t.strictSame(await (await send(`${other}/visits`, cookieOf(first))).json(), { visits: 2 })
})
