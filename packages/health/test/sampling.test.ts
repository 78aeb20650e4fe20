import t from 'tap'
import { LatencyWindow } from '../dist/sampling/latency-window.js'
import { ratesBetween } from '../dist/sampling/rates.js'
import { ServerInfo } from '../dist/sampling/server-info.js'

function info(fields: Record<string, string | number>): ServerInfo {
  return new ServerInfo(
    `# Section\r\n${Object.entries(fields)
      .map(([name, value]) => `${name}:${value}`)
      .join('\r\n')}\r\n`,
  )
}

t.test('fields that are missing, empty or strange are unknown and no error', async (t) => {
  const strange = info({ maxmemory: '', used_memory: 'much', run_id: 'a', maxclients: 10 })
  t.equal(strange.number('maxmemory'), undefined)
  t.equal(strange.number('used_memory'), undefined)
  t.equal(strange.number('connected_clients'), undefined)
  t.equal(strange.number('maxclients'), 10)
  t.equal(strange.runId, 'a')
  t.equal(new ServerInfo('').runId, undefined)
})

t.test('rates are differences between two samples of one server', async (t) => {
  const before = {
    atMs: 1000,
    info: info({
      run_id: 'a',
      evicted_keys: 10,
      keyspace_hits: 1000,
      keyspace_misses: 1000,
      used_cpu_sys_main_thread: 1,
      used_cpu_user_main_thread: 1,
    }),
  }
  const later = {
    run_id: 'a',
    evicted_keys: 30,
    keyspace_hits: 1300,
    keyspace_misses: 1100,
    used_cpu_sys_main_thread: 4,
    used_cpu_user_main_thread: 3,
  }
  t.strictSame(ratesBetween(before, { atMs: 11_000, info: info(later) }), {
    evictionsPerSecond: 2,
    hitRatio: 0.75,
    cpuRatio: 0.5,
  })
  const none = { evictionsPerSecond: undefined, hitRatio: undefined, cpuRatio: undefined }
  t.strictSame(ratesBetween(undefined, { atMs: 11_000, info: info(later) }), none, 'the first sample')
  const restarted = { atMs: 11_000, info: info({ ...later, run_id: 'b' }) }
  t.strictSame(ratesBetween(before, restarted), none, 'another server')
  t.strictSame(ratesBetween(before, { ...before }), none, 'no time between')
  const reset = {
    atMs: 11_000,
    info: info({ ...later, evicted_keys: 0, keyspace_hits: 0, keyspace_misses: 0 }),
  }
  t.match(ratesBetween(before, reset), { evictionsPerSecond: undefined, hitRatio: undefined, cpuRatio: 0.5 })
  const few = { atMs: 11_000, info: info({ ...later, keyspace_hits: 1000, keyspace_misses: 1010 }) }
  t.equal(ratesBetween(before, few).hitRatio, undefined, 'ten lookups say nothing')
})

t.test(
  'the median of round trips passes over a single pause, and the baseline keeps the quickest',
  async (t) => {
    const window = new LatencyWindow()
    t.equal(window.medianMs, undefined)
    t.equal(window.baselineMs, undefined)
    for (const latencyMs of [80, 81, 900, 82, 80]) window.observe(latencyMs)
    t.equal(window.medianMs, 81)
    t.equal(window.baselineMs, 81)
    for (let sample = 0; sample < 100; sample += 1) window.observe(200)
    t.equal(window.medianMs, 200)
    t.ok(Number(window.baselineMs) <= 81, 'slower for a while is not the new baseline')
    for (let sample = 0; sample < 60 * 25; sample += 1) window.observe(200)
    t.equal(window.baselineMs, 200, 'slower for good is')
  },
)
