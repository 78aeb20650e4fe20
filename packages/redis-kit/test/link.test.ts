import {
  eventually,
  freePort,
  reaches,
  startFaultProxy,
  startRedisServer,
  startStopwatch,
} from '@stayfast/test-kit'
import { Redis } from 'ioredis'
import net from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import {
  bootWait,
  ClientLink,
  RedisMisuseError,
  RedisRefusedError,
  RedisUnavailableError,
} from '../dist/index.js'
import { openLink, rejection } from './open-link.js'

/** Of what CLIENT LIST says, those over TCP: the test's own eyes look in by a socket. */
const connections = (list: unknown): number => String(list).match(/ addr=127\./g)?.length ?? 0

const deadlineMs = 400
const heartbeatMs = 300

/** More than a deadline takes on a busy machine, and clearly less than two of them. */
const slackMs = 300

t.test('a link comes up by itself and runs commands', async (t) => {
  const server = await startRedisServer({}, t)
  const link = openLink(t, server.url)
  t.equal(link.status, 'connecting')
  await reaches(link, 'up')
  await link.run((client) => client.set('greeting', 'hello'))
  t.equal(await link.run((client) => client.get('greeting')), 'hello')
  t.match(link.counters, { answered: 3, refused: 0, missed: 0, connected: 1 })
})

t.test('a refused connection is told at once, and a server that appears is picked up', async (t) => {
  const port = await freePort()
  const link = openLink(t, `redis://127.0.0.1:${port}`)
  await reaches(link, 'down')
  t.match(link.state, { cause: /ECONNREFUSED/ })
  const { error, tookMs } = await rejection(link.run((client) => client.get('x')))
  t.ok(error instanceof RedisUnavailableError)
  t.match(error, { code: 'STAY_REDIS_UNAVAILABLE', outcome: 'not-sent', status: 'down', canRetry: true })
  t.ok(tookMs < 50, 'without waiting')
  await startRedisServer({ port }, t)
  await reaches(link, 'up', 2000)
})

t.test(
  'a frozen server makes the link suspect after one missed deadline, then down, and up after the thaw',
  async (t) => {
    const server = await startRedisServer({}, t)
    const link = openLink(t, server.url, { deadlineMs, heartbeatMs: false })
    await reaches(link, 'up')
    const statuses: string[] = []
    link.onChange(({ status }) => statuses.push(status))
    server.freeze()

    const first = await rejection(link.run((client) => client.set('zombie', '1')))
    t.match(first.error, { code: 'STAY_REDIS_UNAVAILABLE', outcome: 'unknown' })
    t.ok(first.tookMs < deadlineMs + slackMs, `one deadline and no more, took ${first.tookMs} ms`)
    t.equal(link.status, 'suspect')

    const second = await rejection(link.run((client) => client.get('x')))
    t.match(second.error, { outcome: 'not-sent', status: 'suspect' })
    t.ok(second.tookMs < 50, 'the next command of the same request does not wait again')

    await reaches(link, 'down', 2000)
    server.thaw()
    await reaches(link, 'up', 2000)
    t.strictSame(statuses, ['suspect', 'down', 'up'])
    t.equal(
      await link.run((client) => client.get('zombie')),
      '1',
      'the write that timed out ran after the thaw: its outcome was rightly unknown',
    )
  },
)

t.test('a suspect link is up again when its PING answers, on the same connection', async (t) => {
  const server = await startRedisServer({}, t)
  const link = openLink(t, server.url, { deadlineMs: 600, heartbeatMs: false })
  await reaches(link, 'up')
  server.freeze()
  const pending = rejection(link.run((client) => client.get('x')))
  await reaches(link, 'suspect', 2000)
  server.thaw()
  await reaches(link, 'up', 2000)
  t.match((await pending).error, { outcome: 'unknown' })
  t.equal(link.counters.connected, 2, 'it came up twice')
})

t.test('an idle link notices a frozen server by its heartbeat', async (t) => {
  const server = await startRedisServer({}, t)
  const link = openLink(t, server.url)
  await reaches(link, 'up')
  server.freeze()
  await reaches(link, 'suspect', 2000)
  server.thaw()
})

t.test('a black hole is noticed like a freeze and recovered from', async (t) => {
  const server = await startRedisServer({}, t)
  const proxy = await startFaultProxy({ host: server.host, port: server.port }, t)
  const link = openLink(t, proxy.url(server.url), { deadlineMs, heartbeatMs })
  await reaches(link, 'up')
  proxy.blackHole()
  await reaches(link, 'down', 2000)
  await proxy.restore()
  await reaches(link, 'up', 3000)
})

t.test(
  'a blocked event loop is not a dead Redis: a command in flight is answered late, the link stays up',
  async (t) => {
    const server = await startRedisServer({}, t)
    const link = openLink(t, server.url, { heartbeatMs: 100 })
    await reaches(link, 'up')
    await link.run((client) => client.set('x', '1'))
    const changes: string[] = []
    link.onChange(({ status }) => changes.push(status))
    for (let round = 0; round < 3; round++) {
      const answer = link.run((client) => client.get('x'))
      const later = new Promise((resolve) => setTimeout(resolve, 5)).then(() =>
        link.run((client) => client.get('x')),
      )
      const until = performance.now() + 1500
      while (performance.now() < until);
      t.equal(await answer, '1')
      t.equal(await later, '1')
    }
    t.strictSame(changes, [])
    t.equal(link.counters.missed, 0)
  },
)

t.test('a blocked event loop does not use up the wait for a link at the start of an app', async (t) => {
  const server = await startRedisServer({}, t)
  const link = openLink(t, server.url)
  const waiting = bootWait(link, 400, ({ status }) => status === 'down')
  const until = performance.now() + 1000
  while (performance.now() < until);
  t.equal(await waiting, true)

  server.freeze()
  const unanswered = openLink(t, server.url)
  t.equal(await bootWait(unanswered, 400, ({ status }) => status === 'down'), false, 'but it ends')
  server.thaw()
})

t.test('run settles by its deadline whatever the work does', async (t) => {
  const server = await startRedisServer({}, t)
  const link = openLink(t, server.url)
  await reaches(link, 'up')
  const { error, tookMs } = await rejection(link.run(() => new Promise(() => undefined), { deadlineMs: 100 }))
  t.match(error, { outcome: 'unknown' })
  t.ok(tookMs < 100 + slackMs)
  await reaches(link, 'up')
  const thrown = new Error("the app's own")
  t.equal(
    (await rejection(link.run(() => Promise.reject(thrown)))).error,
    thrown,
    'a rejection of the app passes',
  )
  const throwing = (): Promise<void> => {
    throw thrown
  }
  t.equal((await rejection(link.run(throwing))).error, thrown, 'a throw of the app passes')
})

t.test(
  'a server that is killed takes the link down at once; commands in flight run at most once',
  async (t) => {
    const server = await startRedisServer({ appendOnly: true }, t)
    const link = openLink(t, server.url)
    await reaches(link, 'up')
    server.freeze()
    const increments = Array.from({ length: 20 }, () =>
      rejection(link.run((client) => client.call('incr', 'n'))),
    )
    await server.kill()
    await reaches(link, 'down', 1000)
    for (const { error } of await Promise.all(increments)) {
      t.match(error, { code: 'STAY_REDIS_UNAVAILABLE', outcome: 'unknown' })
    }
    await server.restart({ keepData: true })
    await reaches(link, 'up', 2000)
    t.ok(Number((await link.run((client) => client.get('n'))) ?? 0) <= 20, 'none ran twice')
  },
)

t.test('a connection that is lost between two commands refuses, and none is resent', async (t) => {
  const server = await startRedisServer({}, t)
  const proxy = await startFaultProxy({ host: server.host, port: server.port }, t)
  const link = openLink(t, proxy.url(server.url))
  await reaches(link, 'up')
  proxy.dropReplies({ count: 1, matching: /incr/i })
  const pending = rejection(link.run((client) => client.call('incr', 'n')))
  await new Promise((resolve) => setTimeout(resolve, 50))
  proxy.resetAll()
  t.match((await pending).error, { outcome: 'unknown' })
  await reaches(link, 'up', 2000)
  t.equal(await link.run((client) => client.get('n')), '1', 'the command ran once')
})

t.test('a server that accepts and stays silent is given up, with a cause that says so', async (t) => {
  const silent = net.createServer((socket) => socket.on('error', () => undefined))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const address = silent.address()
  t.ok(address !== null && typeof address === 'object')
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const link = openLink(t, `redis://127.0.0.1:${port}`, { handshakeMs: 300 })
  t.teardown(() => silent.close())
  await reaches(link, 'down', 2000)
  t.match(link.state, { cause: /stayed silent/ })
})

t.test('a full server refuses writes with a reason; reads go on and the link stays up', async (t) => {
  const server = await startRedisServer({ maxMemoryBytes: 2_000_000 }, t)
  const link = openLink(t, server.url)
  await reaches(link, 'up')
  await server.fillMemory()
  const { error } = await rejection(link.run((client) => client.set('x', 'y'.repeat(1000))))
  t.ok(error instanceof RedisRefusedError)
  t.match(error, { code: 'STAY_REDIS_REFUSED', reason: 'out-of-memory', canRetry: true })
  t.equal(await link.run((client) => client.get('x')), null)
  t.equal(link.status, 'up')
})

t.test(
  'a read-only server refuses writes, and the connection is renewed once to find the new primary',
  async (t) => {
    const server = await startRedisServer({}, t)
    const link = openLink(t, server.url)
    await reaches(link, 'up')
    await server.becomeReadOnly()
    const { error } = await rejection(link.run((client) => client.set('x', '1')))
    t.match(error, { code: 'STAY_REDIS_REFUSED', reason: 'read-only' })
    await reaches(link, 'down', 1000)
    await reaches(link, 'up', 2000)
    await rejection(link.run((client) => client.set('x', '1')))
    t.equal(link.status, 'up', 'a second refusal does not renew it again')
    await server.becomeWritable()
    await link.run((client) => client.set('x', '1'))
  },
)

t.test('a command that makes no sense is a programming error and tells none of its arguments', async (t) => {
  const server = await startRedisServer({}, t)
  const link = openLink(t, server.url)
  await reaches(link, 'up')
  const { error } = await rejection(link.run((client) => client.call('nonsense', 'secret-session-id')))
  t.ok(error instanceof RedisMisuseError)
  t.match(error, { code: 'STAY_REDIS_MISUSE', canRetry: false })
  t.notMatch(String(error instanceof Error ? error.stack : ''), /secret-session-id/)
  t.notMatch(JSON.stringify(error instanceof Error ? error.cause : ''), /secret-session-id/)
  t.equal(link.status, 'up')
})

t.test('a user who may not PING is served all the same', async (t) => {
  const server = await startRedisServer({}, t)
  await server.command('ACL', 'SETUSER', 'app', 'on', '>pw', '~*', '+@all', '-ping')
  const link = openLink(t, server.url.replace('redis://', 'redis://app:pw@'), { heartbeatMs: 50 })
  await reaches(link, 'up')
  await new Promise((resolve) => setTimeout(resolve, 200))
  t.equal(link.status, 'up')
})

t.test(
  'prepare runs on each connection before the link is up, and keeps it down while it throws',
  async (t) => {
    const server = await startRedisServer({}, t)
    let calls = 0
    const link = openLink(t, server.url, {
      prepare: async () => {
        calls += 1
        if (calls === 1) throw new Error('not yet')
      },
    })
    await reaches(link, 'down')
    t.match(link.state, { cause: /not yet/ })
    await reaches(link, 'up', 2000)
    t.equal(calls, 2)
  },
)

t.test('close is quick in every state, and a closed link refuses', async (t) => {
  const server = await startRedisServer({}, t)
  const states: Record<string, () => Promise<ClientLink>> = {
    connecting: async () => openLink(t, server.url),
    up: async () => {
      const link = openLink(t, server.url)
      await reaches(link, 'up')
      return link
    },
    down: async () => {
      const link = openLink(t, `redis://127.0.0.1:${await freePort()}`)
      await reaches(link, 'down')
      return link
    },
    suspect: async () => {
      const link = openLink(t, server.url, { deadlineMs: 200, heartbeatMs: 100 })
      await reaches(link, 'up')
      server.freeze()
      await reaches(link, 'suspect', 2000)
      return link
    },
  }
  for (const [status, make] of Object.entries(states)) {
    const link = await make()
    const elapsedMs = startStopwatch()
    await link.close()
    t.ok(elapsedMs() < 500, `from ${status}`)
    t.equal(link.status, 'closed')
    t.match((await rejection(link.run((client) => client.ping()))).error, {
      outcome: 'not-sent',
      status: 'closed',
    })
    await link.close()
  }
  server.thaw()
})

t.test('a link that is closed while it lets a connection in is done with it', async (t) => {
  const server = await startRedisServer({}, t)
  const late: Record<string, () => Promise<void>> = {
    'that is refused': () => Promise.reject(new Error('not yet')),
    'that is ready': () => Promise.resolve(),
  }
  for (const [which, prepared] of Object.entries(late)) {
    let calls = 0
    let end: () => void = () => undefined
    const link = openLink(t, server.url, {
      prepare: () => {
        calls += 1
        return new Promise((resolve) => {
          end = () => {
            resolve(prepared())
          }
        })
      },
    })
    await eventually(() => calls === 1)
    await link.close()
    end()
    // Twice as long as until the next try.
    await delay(1000)
    t.equal(calls, 1, `a connection ${which} is not tried again`)
    t.equal(link.counters.connected, 0, `a connection ${which} is not taken for one that is up`)
  }
})

t.test('a client that connects although its link was closed is sent away', async (t) => {
  const server = await startRedisServer({}, t)
  const client = new Redis(server.url, { lazyConnect: true })
  const link = new ClientLink({ name: 'default', client, owned: true })
  await reaches(link, 'up')
  await link.close()
  await eventually(() => client.status === 'end')
  // As a Cluster client does that hears of its slots behind the disconnect.
  await client.connect().catch(() => undefined)
  await eventually(() => client.status === 'end')
  t.equal(await server.command('client', 'list', 'type', 'normal').then(connections), 0)
})

t.test(
  "a client of the app's own is neither reset nor closed, and is not flooded with PINGs while it queues",
  async (t) => {
    const server = await startRedisServer({}, t)
    const client = new Redis(server.url)
    t.teardown(() => {
      client.disconnect()
    })
    const link = new ClientLink({ name: 'default', client, owned: false, deadlineMs: 200, heartbeatMs: 100 })
    await reaches(link, 'up')
    server.freeze()
    await reaches(link, 'down', 2000)
    await new Promise((resolve) => setTimeout(resolve, 1500))
    server.thaw()
    await reaches(link, 'up', 3000)
    t.equal(link.counters.connected, 2)
    await link.close()
    t.equal(await client.ping(), 'PONG', 'the app goes on using it')
  },
)
