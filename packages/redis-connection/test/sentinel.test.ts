import {
  eventually,
  freePort,
  startFaultProxy,
  startSentinel,
  type SentinelRig,
  startStopwatch,
} from '@stayfast/test-kit'
import t from 'tap'
import type { RedisConnectionOptions } from '../dist/index.js'
import { leavesUp, reaches, rejection, request, startApp } from './support/app.js'

function through(rig: SentinelRig): RedisConnectionOptions {
  const ca = rig.nodes[0]?.ca
  return {
    sentinel: { nodes: rig.sentinels.map(({ host, port }) => ({ host, port })), name: rig.name },
    ...(ca === undefined ? {} : { tls: { ca } }),
  }
}

for (const fault of ['kill', 'freeze'] as const) {
  t.test(
    `a primary that is gone (${fault}) is replaced: refused at once, then served by another`,
    async (t) => {
      const rig = await startSentinel({}, t)
      const started = await startApp(t, through(rig))
      const { link } = started
      await reaches(link, 'up')
      let renewed = 0
      link.onRenewed(() => {
        renewed += 1
      })
      t.match(await request(link), { outcome: 'value 1' })
      const before = await rig.primary()
      const elapsedMs = startStopwatch()
      await rig[fault]()
      const noticedMs = await leavesUp(link, 3000)
      t.ok(noticedMs < 2000, `noticed after ${Math.round(noticedMs)} ms`)
      const refused = await rejection(link.run((client) => client.get('x')))
      t.match(refused.error, { code: 'STAY_REDIS_UNAVAILABLE', outcome: 'not-sent' })
      t.ok(refused.tookMs < 50, 'refused without waiting')
      await eventually(async () => (await request(link)).outcome === 'value 1', { withinMs: 15_000 })
      t.comment(`writes again after ${Math.round(elapsedMs())} ms`)
      t.not(await rig.primary(), before)
      t.equal(renewed, 1)
      await eventually(() => started.lines('info').some((line) => /Redis is back/.test(line)), {
        withinMs: 2000,
      })
      t.ok(started.lines().length <= 3, 'and few lines tell it')
      t.notMatch(started.lines().join('\n'), /none of them knows a master/, 'the sentinels are well')
      if (fault === 'freeze') before.thaw()
    },
  )
}

t.test('a failover in order is followed, and nothing hangs', async (t) => {
  const rig = await startSentinel({ password: 'secret' }, t)
  const { link } = await startApp(t, { ...through(rig), password: 'secret' })
  await reaches(link, 'up')
  const slowest: number[] = []
  const load = { running: true }
  const loaded = (async () => {
    while (load.running) {
      slowest.push((await request(link)).tookMs)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  })()
  const before = await rig.primary()
  const elapsedMs = startStopwatch()
  await rig.failover()
  const after = await rig.primary()
  t.not(after, before)
  await eventually(async () => (await request(link)).outcome === 'value 1', { withinMs: 5000 })
  t.comment(`writes on the new primary ${Math.round(elapsedMs())} ms after the order`)
  load.running = false
  await loaded
  t.ok(Math.max(...slowest) < 2500, `the slowest request took ${Math.round(Math.max(...slowest))} ms`)
  await link.run((client) => client.set('where', 'here'))
  t.equal(String(await after.command('get', 'where')), 'here')
})

t.test(
  'a failover that is announced while a slow sentinel is asked for the primary is followed',
  async (t) => {
    const rig = await startSentinel({}, t)
    const [slow] = rig.sentinels
    if (slow === undefined) throw new Error('The rig has no sentinel.')
    const proxy = await startFaultProxy({ host: slow.host, port: slow.port }, t)
    const { link } = await startApp(t, { sentinel: { nodes: [proxy], name: rig.name } })
    await reaches(link, 'up')
    // Whoever looks for the primary looks nearly all the time; the announcement comes from the other sentinels.
    proxy.latency(300)
    await rig.kill()
    await reaches(link, 'down')
    await reaches(link, 'up', 20_000)
    t.match(await request(link), { outcome: 'value 1' })
  },
)

t.test('with TLS, to the servers and to the sentinels, a primary that is killed is replaced', async (t) => {
  const rig = await startSentinel({ tls: true, password: 'secret' }, t)
  const { link } = await startApp(t, { ...through(rig), password: 'secret' })
  await reaches(link, 'up')
  t.match(await request(link), { outcome: 'value 1' })
  await rig.kill()
  await reaches(link, 'down')
  await eventually(async () => (await request(link)).outcome === 'value 1', { withinMs: 15_000 })
  t.pass('and writes work again')
})

t.test('a primary that was demoted behind the back of the link is left at its first READONLY', async (t) => {
  const rig = await startSentinel({}, t)
  const { link } = await startApp(t, through(rig))
  await reaches(link, 'up')
  const primary = await rig.primary()
  const other = rig.nodes.find((node) => node !== primary)
  await primary.command('replicaof', other?.host ?? '', other?.port ?? 0)
  const { error } = await rejection(link.run((client) => client.set('x', '1')))
  t.match(error, { code: 'STAY_REDIS_REFUSED', reason: 'read-only' })
  await leavesUp(link, 1000)
  await eventually(() => link.run((client) => client.set('x', '1')), { withinMs: 15_000 })
  t.pass('and writes work again')
})

t.test(
  'sentinels that are down at boot: the app boots, says why, and finds them when they come',
  async (t) => {
    const rig = await startSentinel({}, t)
    await Promise.all(rig.sentinels.map((sentinel) => sentinel.kill()))
    const elapsedMs = startStopwatch()
    const started = await startApp(t, through(rig))
    const { link } = started
    t.ok(elapsedMs() < 1500, 'boots without waiting')
    t.match(await request(link), { outcome: 'STAY_REDIS_UNAVAILABLE' })
    t.match(
      started.lines().join('\n'),
      /not reached: No sentinel answers\. Start them, or check REDIS_SENTINELS/,
    )
    await Promise.all(rig.sentinels.map((sentinel) => sentinel.restart()))
    const backMs = performance.now()
    await reaches(link, 'up', 10_000)
    t.comment(`up ${Math.round(performance.now() - backMs)} ms after the sentinels`)
    t.match(await request(link), { outcome: 'value 1' })
  },
)

t.test('a wrong master name is told as such', async (t) => {
  const rig = await startSentinel({}, t)
  const started = await startApp(t, {
    env: {
      REDIS_SENTINELS: rig.sentinels.map(({ host, port }) => `${host}:${port}`).join(','),
      REDIS_SENTINEL_NAME: 'mymistake',
    },
  })
  const { link } = started
  await reaches(link, 'down')
  const line = started.lines().join('\n')
  t.match(line, /none of them knows a master of that name\. Check REDIS_SENTINEL_NAME/)
  t.ok(started.lines().length <= 3)
})

t.test('the environment names sentinels, and one that is dead is passed over in silence', async (t) => {
  const onConsole = t.capture(console, 'error')
  const rig = await startSentinel({}, t)
  const dead = await freePort()
  const started = await startApp(t, {
    env: {
      REDIS_SENTINELS: [
        `127.0.0.1:${dead}`,
        ...rig.sentinels.map(({ host, port }) => `${host}:${port}`),
      ].join(),
      REDIS_SENTINEL_NAME: rig.name,
    },
  })
  const { link } = started
  await reaches(link, 'up')
  t.match(await request(link), { outcome: 'value 1' })
  t.strictSame(started.lines(), [])
  t.strictSame(
    onConsole().map(({ args }) => String(args)),
    [],
  )
})
