import { eventually, startFaultProxy, startRedisServer } from '@stayfast/test-kit'
import { connect } from 'node:net'
import t from 'tap'
import { listen, reaches, request, startApp } from './support/app.js'

t.test(
  'a wrong password: the link is down with a hint, requests are refused at once, attempts are rare',
  async (t) => {
    const server = await startRedisServer({ password: 'right' }, t)
    const proxy = await startFaultProxy({ host: server.host, port: server.port }, t)
    const url = proxy.url(server.url).replace('right', 'wr0ng-s3cr3t')
    const { link, lines, log } = await startApp(t, { url })
    t.equal(link.status, 'down')
    const { outcome, tookMs } = await request(link)
    t.equal(outcome, 'STAY_REDIS_UNAVAILABLE')
    t.ok(tookMs < 50)
    t.match(lines().join('\n'), /Redis refused the user or the password\. Copy them again/)
    await eventually(() => proxy.accepted >= 2)
    await new Promise((resolve) => setTimeout(resolve, 3000))
    t.equal(proxy.accepted, 2, 'after the second refusal it waits 30 s or more')
    t.notMatch(log.join('\n'), /wr0ng/)
  },
)

t.test('no password where one is asked for: the hint says so', async (t) => {
  const server = await startRedisServer({ password: 'right' }, t)
  const { link, lines } = await startApp(t, { url: `redis://${server.host}:${server.port}` })
  t.equal(link.status, 'down')
  t.match(lines().join('\n'), /asks for a password and none was given\. Set REDIS_PASSWORD/)
})

t.test(
  'a password that is set right after the start of the server costs one attempt, not half a minute',
  async (t) => {
    const server = await startRedisServer({}, t)
    const { link } = await startApp(t, { url: server.url })
    await server.command('acl', 'setuser', 'default', 'off')
    await server.command('client', 'kill', 'type', 'normal')
    await reaches(link, 'down', 2000)
    await server.command('acl', 'setuser', 'default', 'on')
    t.ok((await reaches(link, 'up', 5000)) <= 2000)
  },
)

t.test('a password, and a user of an ACL with a password', async (t) => {
  for (const options of [{ password: 'p@ss/w#rd' }, { username: 'app', password: 'p@ss:w%rd' }]) {
    const server = await startRedisServer(options, t)
    const { link } = await startApp(t, { url: server.url })
    t.equal(link.status, 'up')
    t.equal((await request(link)).outcome, 'value 1')
    const { host, port } = server
    const parts = await startApp(t, { host, port, ...options })
    t.equal(parts.link.status, 'up', 'the same in parts')
  }
})

t.test('a user who may do little is served: INFO and TIME are not needed', async (t) => {
  const server = await startRedisServer({}, t)
  await server.command(
    'acl',
    'setuser',
    'small',
    'on',
    '>pw',
    '~*',
    '&*',
    '+get',
    '+set',
    '+hello',
    '+ping',
    '+select',
  )
  const { app, link } = await startApp(t, { url: server.url.replace('redis://', 'redis://small:pw@') })
  await reaches(link, 'up')
  t.equal((await request(link)).outcome, 'value 1')
  t.match(await app.redisConnection.check(), { status: 'healthy', connected: true })
})

t.test('TLS with an authority of its own is verified', async (t) => {
  const server = await startRedisServer({ tls: true, password: 'right' }, t)
  const ca = server.ca ?? ''
  const { link } = await startApp(t, { url: server.url, tls: { ca } })
  t.equal(link.status, 'up')
  t.equal((await request(link)).outcome, 'value 1')
  const byVariable = await startApp(t, {
    env: { REDIS_URL: server.url, REDIS_TLS_CA: ca.replaceAll('\n', '\\n') },
  })
  t.equal(byVariable.link.status, 'up', 'REDIS_TLS_CA on one line')
})

t.test('TLS without that authority: a hint names it, and nothing is sent', async (t) => {
  const server = await startRedisServer({ tls: true, password: 'right' }, t)
  const { link, lines } = await startApp(t, { url: server.url })
  t.equal(link.status, 'down')
  t.match(lines().join('\n'), /signed by an authority that is not known here\. Set REDIS_TLS_CA/)
})

t.test('TLS with a certificate of another name: a hint says so', async (t) => {
  const server = await startRedisServer({ tls: true, tlsHost: 'redis.example.test' }, t)
  const { link, lines } = await startApp(t, { url: server.url, tls: { ca: server.ca } })
  t.equal(link.status, 'down')
  t.match(lines().join('\n'), /made out to another name/)
  const named = await startApp(t, {
    url: server.url,
    tls: { ca: server.ca, servername: 'redis.example.test' },
  })
  t.equal(named.link.status, 'up')
})

t.test('redis:// to a TLS port: a hint says rediss://', async (t) => {
  const server = await startRedisServer({ tls: true }, t)
  const { link, lines } = await startApp(t, { url: server.url.replace('rediss://', 'redis://') })
  t.not(link.status, 'up')
  await eventually(() => lines().some((line) => /rediss:\/\/ instead of redis:\/\//.test(line)))
  t.pass()
})

t.test('rediss:// to a plain port: a hint says redis://', async (t) => {
  const server = await startRedisServer({}, t)
  const { link, lines } = await startApp(t, { url: server.url.replace('redis://', 'rediss://') })
  t.not(link.status, 'up')
  await eventually(
    () => lines().some((line) => /redis:\/\/ instead of rediss:\/\/|speaks plain, use redis:\/\//.test(line)),
    {
      withinMs: 10_000,
    },
  )
  t.pass()
})

t.test('a proxy that closes on HELLO is spoken to in RESP2 after two closes', async (t) => {
  const server = await startRedisServer({}, t)
  let hellos = 0
  const port = await listen(t, (socket) => {
    const upstream = connect(server.port, server.host)
    upstream.on('error', () => undefined)
    socket.on('close', () => upstream.destroy())
    upstream.pipe(socket)
    socket.on('data', (bytes) => {
      if (/hello/i.test(bytes.toString('latin1'))) {
        hellos += 1
        socket.end()
      } else upstream.write(bytes)
    })
  })
  const { app, link } = await startApp(t, { url: `redis://127.0.0.1:${port}` })
  await reaches(link, 'up', 3000)
  t.equal(hellos, 2)
  t.equal((await request(link)).outcome, 'value 1')
  const heard: string[] = []
  link.subscribe('news', { onMessage: (message) => heard.push(message) })
  await eventually(async () => {
    await link.run((client) => client.publish('news', 'rain'))
    return heard.includes('rain')
  })
  t.match(await app.redisConnection.check(), { status: 'healthy' })
})

t.test('an HTTP server at the address: a hint says so', async (t) => {
  const port = await listen(t, (socket) => {
    socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  })
  const { lines } = await startApp(t, { url: `redis://127.0.0.1:${port}` })
  await eventually(() => lines().some((line) => /An HTTP server answers/.test(line)))
  t.pass()
})
