import { eventually, reaches, startCluster, startStopwatch } from '@stayfast/test-kit'
import { Cluster } from 'ioredis'
import t from 'tap'
import { defineScript, duplicateSafely, isRedisRefused, type RedisLink } from '../dist/index.js'
import {
  first,
  keysOfPrimaries,
  openClusterLink,
  plainCluster,
  startTolerantCluster,
} from './open-cluster-link.js'
import { rejection } from './open-link.js'

/** What became of commands that were sent one after another, a few milliseconds apart. */
class Load {
  readonly okMs: number[] = []
  readonly failedMs: number[] = []
  #running = true
  readonly #done: Promise<void>
  /** When the first command after a failed one was answered. */
  backAtMs: number | undefined

  constructor(link: RedisLink, keys: readonly string[]) {
    this.#done = this.#run(link, keys)
  }

  async stop(): Promise<this> {
    this.#running = false
    await this.#done
    return this
  }

  async #run(link: RedisLink, keys: readonly string[]): Promise<void> {
    for (let index = 0; this.#running; index++) {
      const elapsedMs = startStopwatch()
      try {
        await link.run((client) => client.set(keys[index % keys.length] ?? '', 'x'))
        this.okMs.push(elapsedMs())
        if (this.failedMs.length > 0) this.backAtMs ??= performance.now()
      } catch {
        this.failedMs.push(elapsedMs())
        this.backAtMs = undefined
      }
      await new Promise((resolve) => setTimeout(resolve, 3))
    }
  }
}

function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
}

function statuses(link: RedisLink): string[] {
  const seen: string[] = []
  link.onChange(({ status }) => seen.push(status))
  return seen
}

for (const tls of [false, true]) {
  t.test(`${tls ? 'with' : 'without'} TLS every slot is served from the first moment on`, async (t) => {
    const rig = await startCluster({ tls, password: 'secret' }, t)
    const link = openClusterLink(t, rig)
    await reaches(link, 'up')
    const keys = Array.from({ length: 300 }, (_, index) => `key:${index}`)
    await Promise.all(keys.map((key) => link.run((client) => client.set(key, key))))
    const values = await Promise.all(keys.map((key) => link.run((client) => client.get(key))))
    t.strictSame(values, keys)
    t.ok(link.clock.known)
  })
}

t.test('the shard of a killed primary fails at once and comes back; the others notice nothing', async (t) => {
  const rig = await startTolerantCluster(t)
  const link = openClusterLink(t, rig)
  await reaches(link, 'up')
  const [dead, ...living] = await keysOfPrimaries(rig, 10)
  if (dead === undefined) throw new Error('The cluster has no primary.')
  const seen = statuses(link)
  const loads = [dead, ...living].map(({ keys }) => new Load(link, keys))
  await new Promise((resolve) => setTimeout(resolve, 300))
  const killedAtMs = performance.now()
  await rig.kill(dead.primary)
  await eventually(() => loads[0]?.backAtMs !== undefined, { withinMs: 8000 })
  const [lost, ...others] = await Promise.all(loads.map((load) => load.stop()))
  t.comment(`writes again after ${Math.round((lost?.backAtMs ?? 0) - killedAtMs)} ms`)
  t.ok((lost?.failedMs.length ?? 0) > 10)
  t.ok(percentile(lost?.failedMs ?? [], 1) < 500, 'nothing waited for a dead shard')
  t.strictSame(
    others.map(({ failedMs }) => failedMs),
    [[], []],
  )
  t.strictSame(seen, [], 'the link stayed up')
})

t.test('one frozen shard delays nobody but its own first commands', async (t) => {
  const rig = await startTolerantCluster(t)
  const link = openClusterLink(t, rig)
  await reaches(link, 'up')
  const [frozen, ...living] = await keysOfPrimaries(rig, 10)
  if (frozen === undefined) throw new Error('The cluster has no primary.')
  const seen = statuses(link)
  const loads = [frozen, ...living].map(({ keys }) => new Load(link, keys))
  await new Promise((resolve) => setTimeout(resolve, 300))
  const frozenAtMs = performance.now()
  rig.freeze(frozen.primary)
  await eventually(() => loads[0]?.backAtMs !== undefined, { withinMs: 10_000 })
  const [own, ...others] = await Promise.all(loads.map((load) => load.stop()))
  const failed = own?.failedMs ?? []
  const long = failed.filter((ms) => ms > 500).map(Math.round)
  const p99 = percentile(
    others.flatMap(({ okMs }) => okMs),
    0.99,
  )
  t.comment(
    `writes again after ${Math.round((own?.backAtMs ?? 0) - frozenAtMs)} ms, waited ${long.join(', ')} ms`,
  )
  t.comment(`p99 of the other shards: ${p99.toFixed(1)} ms`)
  t.ok(percentile(failed, 1) < 1300, 'each within its deadline')
  t.ok(long.length <= 3, 'and only the first ones take it')
  t.ok(failed.length > 10, 'the rest fails at once')
  t.strictSame(
    others.map(({ failedMs }) => failedMs),
    [[], []],
  )
  t.ok(p99 < 100)
  t.strictSame(seen, [], 'the link stayed up')
  frozen.primary.thaw()
})

t.test(
  'an idle link notices a frozen shard, finds its new primary, and the first command works',
  async (t) => {
    const rig = await startTolerantCluster(t)
    const link = openClusterLink(t, rig)
    await reaches(link, 'up')
    const frozen = first(await keysOfPrimaries(rig, 1))
    let renewed = 0
    link.onRenewed(() => {
      renewed += 1
    })
    rig.freeze(frozen.primary)
    await eventually(() => renewed, { withinMs: 10_000 })
    t.equal(await link.run((client) => client.set(first(frozen.keys), '1')), 'OK')
    frozen.primary.thaw()
  },
)

t.test('all nodes frozen: suspect after one missed deadline, down, and up after the thaw', async (t) => {
  const rig = await startCluster({}, t)
  const link = openClusterLink(t, rig, { deadlineMs: 500, heartbeatMs: 300 })
  await reaches(link, 'up')
  const seen = statuses(link)
  for (const node of rig.nodes) rig.freeze(node)
  await reaches(link, 'suspect', 2000)
  await reaches(link, 'down', 2000)
  for (const node of rig.nodes) node.thaw()
  await reaches(link, 'up', 15_000)
  t.strictSame(seen.filter((status, index) => status !== seen[index - 1]).slice(0, 2), ['suspect', 'down'])
})

t.test('all nodes killed, and down at boot: the link refuses at once and comes up with them', async (t) => {
  const rig = await startCluster({}, t)
  const link = openClusterLink(t, rig)
  await reaches(link, 'up')
  let renewed = 0
  link.onRenewed(() => {
    renewed += 1
  })
  await Promise.all(rig.nodes.map((node) => rig.kill(node)))
  await reaches(link, 'down', 2000)
  const late = openClusterLink(t, rig)
  await reaches(late, 'down', 5000)
  for (const one of [link, late]) {
    const { error, tookMs } = await rejection(one.run((client) => client.get('x')))
    t.match(error, { code: 'STAY_REDIS_UNAVAILABLE', outcome: 'not-sent' })
    t.ok(tookMs < 50)
  }
  await Promise.all(rig.nodes.map((node) => node.restart()))
  await Promise.all([reaches(link, 'up', 15_000), reaches(late, 'up', 15_000)])
  t.equal(renewed, 1)
})

t.test('a shard without any node left is refused by the cluster, at once and with a reason', async (t) => {
  const rig = await startCluster({}, t)
  const link = openClusterLink(t, rig)
  await reaches(link, 'up')
  const [dead, living] = await keysOfPrimaries(rig, 1)
  if (dead === undefined || living === undefined) throw new Error('The cluster has no primary.')
  for (const node of [...(await rig.replicasOf(dead.primary)), dead.primary]) await rig.kill(node)
  const refusal = (): Promise<{ error: unknown; tookMs: number }> =>
    rejection(link.run((client) => client.set(first(living.keys), 'x')))
  await eventually(async () => isRedisRefused((await refusal()).error), { withinMs: 8000 })
  const { error, tookMs } = await refusal()
  t.match(error, { code: 'STAY_REDIS_REFUSED', reason: 'cluster-down', canRetry: true })
  t.ok(tookMs < 100, 'without waiting')
  await dead.primary.restart()
  await eventually(() => link.run((client) => client.set(first(dead.keys), 'x')), { withinMs: 15_000 })
  t.pass('and works when the shard is back')
})

// KEYS[1] counter · ARGV[1] milliseconds that it takes. Since Redis 7.2 TIME stands still in a script;
// servers as new as that have os.clock.
const slowIncrement = defineScript(
  `
redis.call('INCR', KEYS[1])
local os = rawget(_G, 'os')
local function nowMs()
  if os then return os.clock() * 1000 end
  local time = redis.call('TIME')
  return time[1] * 1000 + time[2] / 1000
end
local till = nowMs() + ARGV[1]
repeat until nowMs() > till
return 1`,
  Number,
)

t.test(
  'a command whose connection breaks is sent once, where an ordinary Cluster client sends it again',
  async (t) => {
    const rig = await startCluster({}, t)
    const key = first(first(await keysOfPrimaries(rig, 1)).keys)
    const plain = plainCluster(rig).duplicate([], { redisOptions: { disconnectTimeout: 100 } })
    const counted: (string | null)[] = []
    for (const client of [plain, duplicateSafely(plain)]) {
      if (!(client instanceof Cluster)) throw new TypeError('This is none of ioredis.')
      t.teardown(() => {
        client.disconnect()
      })
      client.on('error', () => undefined)
      await client.connect()
      await client.set(key, '0')
      const outcome = slowIncrement.run(client, [key], [400]).then(
        () => 'answered',
        () => 'failed',
      )
      await new Promise((resolve) => setTimeout(resolve, 100))
      for (const node of client.nodes('master')) node.disconnect()
      counted.push(await outcome)
      await eventually(async () => (await client.get(key)) !== '0', { withinMs: 5000 })
      counted.push(await client.get(key))
    }
    t.strictSame(counted, ['answered', '2', 'failed', '1'])
  },
)

t.test('increments under way when their primary is killed are never counted twice', async (t) => {
  const rig = await startTolerantCluster(t)
  const link = openClusterLink(t, rig)
  await reaches(link, 'up')
  const { primary } = first(await keysOfPrimaries(rig, 1))
  const sent: Promise<unknown>[] = []
  const killAtMs = performance.now() + 300
  let killing: Promise<void> | undefined
  while (performance.now() < killAtMs + 500) {
    if (performance.now() > killAtMs) killing ??= rig.kill(primary)
    const round = sent.length / 20
    for (let many = 0; many < 20; many++) {
      sent.push(link.run((client) => client.call('incr', `once:${round}:${many}`)).catch(() => undefined))
    }
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  await killing
  await Promise.all(sent)
  await rig.settle()
  await eventually(() => link.run((client) => client.get('once:0:0')), { withinMs: 5000 })
  const counts = await Promise.all(
    sent.map((_, index) =>
      link.run((client) => client.get(`once:${Math.floor(index / 20)}:${index % 20}`)).catch(() => null),
    ),
  )
  t.strictSame(
    counts.filter((count) => count !== null && count !== '1'),
    [],
  )
  t.comment(`${counts.length} increments, ${counts.filter((count) => count === '1').length} ran`)
})

t.test('a slot that moves while it is used is followed: ASK, TRYAGAIN and MOVED are not seen', async (t) => {
  const rig = await startCluster({}, t)
  const link = openClusterLink(t, rig)
  await reaches(link, 'up')
  const [source, target] = await keysOfPrimaries(rig, 1)
  if (source === undefined || target === undefined) throw new Error('The cluster has no primary.')
  const tag = first(source.keys)
  const keys = Array.from({ length: 20 }, (_, index) => `{${tag}}:${index}`)
  for (const key of keys) await link.run((client) => client.set(key, '1'))
  const slot = Number(await source.primary.command('cluster', 'keyslot', tag))
  const [from, to] = await Promise.all(
    [source, target].map(async ({ primary }) => String(await primary.command('cluster', 'myid'))),
  )
  const readAll = (): Promise<(string | null)[]> =>
    Promise.all(keys.map((key) => link.run((client) => client.get(key))))
  const ones = keys.map(() => '1')

  await target.primary.command('cluster', 'setslot', slot, 'importing', from ?? '')
  await source.primary.command('cluster', 'setslot', slot, 'migrating', to ?? '')
  const { host, port } = target.primary
  for (const key of keys.slice(0, 10)) await source.primary.command('migrate', host, port, key, 0, 1000)
  t.strictSame(await readAll(), ones, 'half of them are asked for at the new place')
  for (const key of keys.slice(10)) await source.primary.command('migrate', host, port, key, 0, 1000)
  t.strictSame(await readAll(), ones)
  for (const { primary } of [target, source]) {
    await primary.command('cluster', 'setslot', slot, 'node', to ?? '')
  }
  t.strictSame(await readAll(), ones, 'the slot has moved')
  t.equal(link.status, 'up')
})
