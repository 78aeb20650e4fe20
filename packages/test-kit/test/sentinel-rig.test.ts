import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { eventually, type SentinelRig, startSentinel } from '../dist/index.js'

function client(t: Test, rig: SentinelRig, password?: string): Redis {
  const redis = new Redis({
    sentinels: rig.sentinels.map(({ host, port }) => ({ host, port })),
    name: rig.name,
    maxRetriesPerRequest: null,
    sentinelRetryStrategy: () => 20,
    retryStrategy: () => 20,
    ...(password === undefined ? {} : { password }),
  })
  redis.on('error', () => undefined)
  t.teardown(() => redis.disconnect())
  return redis
}

t.test('a client finds the primary, and after a failover the next one', async (t) => {
  const rig = await startSentinel({ password: 'secret' }, t)
  const redis = client(t, rig, 'secret')
  await redis.set('key', 'value')
  const before = await rig.primary()
  t.equal(await before.command('get', 'key'), 'value')

  await rig.failover()
  const after = await rig.primary()
  t.not(after, before)
  await eventually(async () => {
    await redis.set('key', 'after')
    return (await after.command('get', 'key')) === 'after'
  })
})

t.test('when the primary dies another takes over, and it comes back as a replica', async (t) => {
  const rig = await startSentinel({}, t)
  const before = await rig.primary()
  await rig.kill()
  await eventually(async () => (await rig.primary()) !== before, { withinMs: 15_000 })
  await rig.settle()
  await before.restart()
  await rig.settle()
  t.match(String(await before.command('info', 'replication')), /role:slave/)
})

t.test('when the primary freezes another takes over', async (t) => {
  await using rig = await startSentinel()
  const before = await rig.primary()
  await rig.freeze()
  await eventually(async () => (await rig.primary()) !== before, { withinMs: 15_000 })
  before.thaw()
  await rig.settle()
  t.not(await rig.primary(), before, 'and keeps its place after the thaw')
})
