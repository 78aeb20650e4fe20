import { eventually } from '@stayfast/test-kit'
import t from 'tap'
import { CheckRunner, type HealthCheck } from '../dist/checks/check-runner.js'
import { openApp, probe } from './support/open-app.js'

t.test('a check that fails makes the app degraded, a critical one makes it fail', async (t) => {
  const { app, lines } = await openApp(t, { detailsFor: () => true })
  let broken = true
  const run = (): void => {
    if (broken) throw Object.assign(new Error('postgres://user:secret@db is down'), { code: 'ECONNREFUSED' })
  }
  app.healthChecks.add({ name: 'mail', run })
  await app.healthChecks.refresh()
  t.match(await probe(app), { statusCode: 200, body: /^\{"status":"degraded"/ })
  t.equal((await probe(app, '/readyz')).statusCode, 200)

  const remove = app.healthChecks.add({ name: 'database', critical: true, run })
  await app.healthChecks.refresh()
  const { statusCode, body } = await probe(app)
  t.equal(statusCode, 503)
  t.match(JSON.parse(body), {
    status: 'failing',
    details: {
      checks: [
        { name: 'mail', critical: false, status: 'fail', failure: 'ECONNREFUSED' },
        { name: 'database', critical: true, status: 'fail' },
      ],
    },
  })
  t.notMatch(body, 'secret', 'what the error says stays in the log')
  const written = await probe(app, undefined, { accept: 'application/health+json' })
  t.match(JSON.parse(written.body), {
    status: 'fail',
    checks: {
      'mail:check': [{ status: 'warn', output: 'ECONNREFUSED' }],
      'database:check': [{ status: 'fail' }],
    },
  })
  t.match(await probe(app, '/readyz'), { statusCode: 503, body: '{"status":"failing"}' })
  t.equal((await probe(app, '/livez')).statusCode, 200)

  broken = false
  await app.healthChecks.refresh()
  t.match(await probe(app), { statusCode: 200, body: /^\{"status":"ok"/ })
  broken = true
  await app.healthChecks.refresh()
  remove()
  t.match(await probe(app), { statusCode: 200, body: /^\{"status":"degraded"/ })
  t.equal(
    lines.filter(({ msg }) => msg === 'health: the check "mail" fails').length,
    2,
    'told when it changes',
  )
  t.equal(lines.filter(({ msg }) => msg === 'health: the check "mail" passes again').length, 1)
})

t.test('probes run no check', async (t) => {
  let runs = 0
  const { app } = await openApp(t, { checkEveryMs: 60_000 })
  app.healthChecks.add({ name: 'counted', run: () => (runs += 1) })
  await app.healthChecks.refresh()
  const before = runs
  await Promise.all(Array.from({ length: 200 }, () => app.inject('/api/v1/health')))
  t.equal(runs, before)
})

t.test('a critical check that has not run yet keeps the app from being ready', async (t) => {
  let answer: () => void = () => undefined
  const answered = new Promise<void>((resolve) => (answer = resolve))
  const { app } = await openApp(t)
  app.healthChecks.add({ name: 'slow', critical: true, timeoutMs: 60_000, run: () => answered })
  t.match(await probe(app, '/readyz'), { statusCode: 503, body: '{"status":"starting"}' })
  t.match(await probe(app), { statusCode: 200 })
  answer()
  await app.healthChecks.refresh()
  t.match(await probe(app, '/readyz'), { statusCode: 200 })
})

t.test(
  'a check that hangs fails at its timeout, is told so, and is not started again meanwhile',
  async (t) => {
    let runs = 0
    let aborted = false
    let letGo: () => void = () => undefined
    const { app } = await openApp(t)
    app.healthChecks.add({
      name: 'hangs',
      timeoutMs: 30,
      run: ({ signal }) => {
        runs += 1
        signal.addEventListener('abort', () => (aborted = true))
        return new Promise<void>((resolve) => (letGo = resolve))
      },
    })
    await app.healthChecks.refresh()
    for (let more = 0; more < 5; more += 1) await app.healthChecks.refresh()
    t.match(app.healthChecks.snapshot().details.checks, [
      { status: 'fail', failure: 'STAY_HEALTH_CHECK_TIMEOUT' },
    ])
    t.equal(runs, 1)
    t.equal(aborted, true)
    letGo()
    await eventually(async () => {
      await app.healthChecks.refresh()
      return runs === 2
    })
  },
)

t.test('false is a failure, anything else an answer', async (t) => {
  const { app } = await openApp(t)
  for (const [name, run] of [
    ['false', () => false],
    ['rejected', () => Promise.reject(new TypeError('no'))],
    ['thrown text', () => Promise.reject(new Error('x', { cause: 'y' }))],
    ['nothing', () => undefined],
    ['null', () => null],
    ['zero', () => Promise.resolve(0)],
  ] as const satisfies readonly (readonly [string, HealthCheck['run']])[]) {
    app.healthChecks.add({ name, run })
  }
  const { details } = await app.healthChecks.refresh()
  t.strictSame(
    details.checks.map(({ name, status, failure }) => [name, status, failure]),
    [
      ['false', 'fail', 'STAY_HEALTH_CHECK_FAILED'],
      ['rejected', 'fail', 'TypeError'],
      ['thrown text', 'fail', 'Error'],
      ['nothing', 'pass', undefined],
      ['null', 'pass', undefined],
      ['zero', 'pass', undefined],
    ],
  )
})

t.test('checks run by themselves, those that were added before the app was ready too', async (t) => {
  let runs = 0
  const runner = new CheckRunner(20, { info: () => undefined, warn: () => undefined })
  runner.add({ name: 'often', run: () => (runs += 1) })
  t.match(runner.results, [{ status: 'pending' }])
  runner.start()
  await eventually(() => runs >= 3)
  runner.stop()
  await runner.refresh()
  const after = runs
  await new Promise((resolve) => setTimeout(resolve, 60))
  t.equal(runs, after, 'and no more when it is stopped')
})

t.test('a check that cannot be one is refused', async (t) => {
  const { app } = await openApp(t)
  const code = 'STAY_HEALTH_CHECK_INVALID'
  const checks = app.healthChecks
  const add = (check: object): unknown => Reflect.apply(Reflect.get(checks, 'add'), checks, [check])
  app.healthChecks.add({ name: 'a', run: () => true })
  t.throws(() => add({ name: 'a', run: () => true }), { code, message: /"a" already/ })
  t.throws(() => add({ name: '', run: () => true }), { code })
  t.throws(() => add({ name: 'b' }), { code, message: /no function run/ })
  t.throws(() => add({ name: 'c', timeoutMs: 0, run: () => true }), { code, message: /timeoutMs/ })
})

t.test('a check may be an object of a class', async (t) => {
  class Database implements HealthCheck {
    readonly name = 'database'
    readonly #state = { up: true }
    run(): boolean {
      return this.#state.up
    }
  }
  const { app } = await openApp(t, { redis: false })
  app.healthChecks.add(new Database())
  await app.healthChecks.refresh()
  t.match(app.healthChecks.snapshot().details.checks, [{ name: 'database', status: 'pass' }])
})

t.test('a check that cannot be one is refused when it is added', async (t) => {
  const runner = new CheckRunner(60_000, { info: () => undefined, warn: () => undefined })
  const run = (): undefined => undefined
  for (const check of [
    undefined,
    null,
    'x',
    { name: 'a' },
    { name: 'a', run, critical: 'yes' },
    { name: 'a', run, timeoutMs: '5' },
    { name: 'a', run, timeoutMs: 0 },
    { name: 'a', run, timeoutMs: Infinity },
    { name: 'a', run, timeoutMs: 1e12 },
  ]) {
    const add = (): unknown => Reflect.apply(runner.add.bind(runner), undefined, [check])
    t.throws(add, { code: 'STAY_HEALTH_CHECK_INVALID' }, JSON.stringify(check))
  }
})
