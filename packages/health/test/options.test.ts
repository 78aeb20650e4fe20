import t from 'tap'
import { defaultThresholds } from '../dist/alarms/thresholds.js'
import { checkOptions, defaultOptions } from '../dist/options.js'
import { createApp } from './support/open-app.js'
import health from '../dist/index.js'

const code = 'STAY_HEALTH_OPTION_INVALID'

t.test('without options the defaults hold, and nobody can change them', async (t) => {
  t.strictSame(checkOptions({}), { ...defaultOptions, thresholds: { ...defaultThresholds } })
  t.strictSame(checkOptions(Object.fromEntries([['sampleEveryMs', undefined]])), checkOptions({}))
  t.throws(() => Object.assign(defaultOptions, { sampleEveryMs: 1 }), TypeError)
})

t.test('an unknown option is refused and the nearest known one is named', async (t) => {
  for (const [option, nearest] of [
    ['route', 'healthRoute'],
    ['livenessroute', 'livenessRoute'],
    ['drainDelay', 'drainDelayMs'],
    ['signal', 'signals'],
    ['budget', 'commandBudget'],
  ] as const) {
    t.throws(() => checkOptions(Object.fromEntries([[option, 1]])), {
      code,
      message: `health has no option "${option}". Did you mean "${nearest}"?`,
    })
  }
  t.throws(() => checkOptions({ thresholds: Object.fromEntries([['memory', 0.5]]) }), {
    code,
    message: 'thresholds of health has no option "memory". Did you mean "memoryRatio"?',
  })
  const { app } = createApp(t)
  app.register(health, Object.fromEntries([['drainDelay', 1]]))
  await t.rejects(async () => app.ready(), { code })
})

t.test('a value that an option cannot have is refused', async (t) => {
  const cases: readonly (readonly [option: string, value: unknown])[] = [
    ['healthRoute', 'health'],
    ['healthRoute', true],
    ['metricsRoute', ''],
    ['detailsFor', true],
    ['degradedStatusCode', 500],
    ['sampleEveryMs', 0],
    ['sampleEveryMs', 1.5],
    ['roles', 'default'],
    ['roles', ['']],
    ['signals', ['TERM']],
    ['signals', ['SIGKILL']],
    ['signals', true],
    ['commandBudget', 0],
    ['commandBudget', '500000'],
    ['thresholds', null],
    ['thresholds', { memoryRatio: 80 }],
    ['thresholds', { latencyMs: 'auto' }],
    ['drainDelayMs', -1],
    ['readyAfter', Promise.resolve()],
  ]
  for (const [option, value] of cases) {
    t.throws(
      () => checkOptions(Object.fromEntries([[option, value]])),
      { code },
      `${option}: ${String(value)}`,
    )
  }
})

t.test('REDIS_COMMAND_BUDGET is a number or nothing', async (t) => {
  t.equal(checkOptions({}, { REDIS_COMMAND_BUDGET: '500000' }).commandBudget, 500_000)
  t.equal(checkOptions({}, { REDIS_COMMAND_BUDGET: ' ' }).commandBudget, false)
  t.equal(checkOptions({ commandBudget: 5 }, { REDIS_COMMAND_BUDGET: '500000' }).commandBudget, 5)
  for (const text of ['many', '-1', '0', '1.5', '500k']) {
    t.throws(() => checkOptions({}, { REDIS_COMMAND_BUDGET: text }), {
      code,
      message: /REDIS_COMMAND_BUDGET/,
    })
  }
})
