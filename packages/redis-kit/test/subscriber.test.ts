import { eventually, reaches, startFaultProxy, startRedisServer } from '@stayfast/test-kit'
import t from 'tap'
import type { SubscriptionHandler } from '../dist/index.js'
import { openLink } from './open-link.js'

function recorder(): SubscriptionHandler & { events: string[] } {
  const events: string[] = []
  return {
    events,
    onMessage: (message) => events.push(message),
    onSubscribed: () => events.push('<subscribed>'),
    onLost: () => events.push('<lost>'),
  }
}

t.test('messages arrive in order, at every handler of the channel and no other', async (t) => {
  const server = await startRedisServer({}, t)
  const link = openLink(t, server.url)
  await reaches(link, 'up')
  const [one, two, other] = [recorder(), recorder(), recorder()]
  link.subscribe('news', one)
  await eventually(() => one.events.length === 1, { withinMs: 2000 })
  link.subscribe('news', two)
  link.subscribe('weather', other)
  await eventually(() => two.events.length === 1 && other.events.length === 1, { withinMs: 2000 })
  for (const message of ['a', 'b', 'c']) await link.run((client) => client.publish('news', message))
  await eventually(() => one.events.length === 4 && two.events.length === 4, { withinMs: 2000 })
  t.strictSame(one.events, ['<subscribed>', 'a', 'b', 'c'])
  t.strictSame(two.events, ['<subscribed>', 'a', 'b', 'c'])
  t.strictSame(other.events, ['<subscribed>'])
})

t.test('a subscription that was closed hears nothing more', async (t) => {
  const server = await startRedisServer({}, t)
  const link = openLink(t, server.url)
  await reaches(link, 'up')
  const [kept, closed] = [recorder(), recorder()]
  link.subscribe('news', kept)
  const subscription = link.subscribe('news', closed)
  await eventually(() => kept.events.length === 1 && closed.events.length === 1, { withinMs: 2000 })
  subscription.close()
  await link.run((client) => client.publish('news', 'a'))
  await eventually(() => kept.events.length === 2, { withinMs: 2000 })
  t.strictSame(closed.events, ['<subscribed>'])
})

t.test('after a restart the subscriber says that it was lost and is subscribed again', async (t) => {
  const server = await startRedisServer({}, t)
  const link = openLink(t, server.url)
  const handler = recorder()
  link.subscribe('news', handler)
  await eventually(() => handler.events.length === 1, { withinMs: 2000 })
  await server.kill()
  await eventually(() => handler.events.includes('<lost>'), { withinMs: 2000 })
  await server.restart()
  await eventually(() => handler.events.length === 3, { withinMs: 3000 })
  t.strictSame(handler.events, ['<subscribed>', '<lost>', '<subscribed>'])
  await reaches(link, 'up')
  await link.run((client) => client.publish('news', 'a'))
  await eventually(() => handler.events.length === 4, { withinMs: 2000 })
})

t.test('a half-open subscriber is noticed by its own heartbeat', async (t) => {
  const server = await startRedisServer({}, t)
  const proxy = await startFaultProxy({ host: server.host, port: server.port }, t)
  const link = openLink(t, proxy.url(server.url), { deadlineMs: 300, heartbeatMs: 200 })
  const handler = recorder()
  link.subscribe('news', handler)
  await eventually(() => handler.events.length === 1, { withinMs: 2000 })
  proxy.blackHole()
  await eventually(() => handler.events.includes('<lost>'), { withinMs: 3000 })
  await proxy.restore()
  await eventually(() => handler.events.filter((event) => event === '<subscribed>').length === 2, {
    withinMs: 3000,
  })
  t.pass()
})
