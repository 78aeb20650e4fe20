import t from 'tap'
import { RedisHealth } from '../dist/status/redis-health.js'

type Report = { status: 'healthy' | 'unhealthy' | 'disabled'; connected: boolean; latencyMs: number | null }

t.test('a Redis that answers is healthy, with its latency in whole milliseconds', async (t) => {
  const health = new RedisHealth({
    status: 'up',
    check: () => Promise.resolve({ status: 'healthy', connected: true, latencyMs: 1.6 }),
  })
  t.same(await health.report(), { status: 'healthy', latency: '2ms', connected: true })
})

t.test('a link that is not up is told at once, without asking', async (t) => {
  for (const status of ['connecting', 'suspect', 'down', 'closed']) {
    const health = new RedisHealth({ status, check: () => Promise.reject(new Error('asked')) })
    t.same(await health.report(), { status: 'unhealthy', latency: null, connected: false }, status)
  }
})

t.test('while Redis keeps silent the last report is given, and one question is open', async (t) => {
  const questions: ((report: Report) => void)[] = []
  const health = new RedisHealth({
    status: 'up',
    check: () => new Promise((resolve) => questions.push(resolve)),
  })
  const first = health.report()
  questions[0]?.({ status: 'healthy', connected: true, latencyMs: 1 })
  t.same(await first, { status: 'healthy', latency: '1ms', connected: true })

  const startedMs = performance.now()
  t.same(await health.report(), { status: 'healthy', latency: '1ms', connected: true })
  t.ok(performance.now() - startedMs < 50)
  await health.report()
  t.equal(questions.length, 2)

  questions[1]?.({ status: 'unhealthy', connected: false, latencyMs: null })
  t.same(await health.report(), { status: 'unhealthy', latency: null, connected: false })
  await health.report()
  t.equal(questions.length, 3, 'what was answered is asked again')
})
