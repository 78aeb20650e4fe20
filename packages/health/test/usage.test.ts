import { reaches, startRedisServer } from '@stayfast/test-kit'
import redisConnection from '@stayfast/redis-connection'
import { adoptClient } from '@stayfast/redis-kit'
import { Redis as Valkey } from 'iovalkey'
import { Redis } from 'ioredis'
import t from 'tap'
import { AlarmBoard } from '../dist/alarms/alarm-board.js'
import { observeBudget } from '../dist/alarms/link-observations.js'
import { defaultThresholds } from '../dist/alarms/thresholds.js'
import { UsageMeter } from '../dist/usage/usage-meter.js'
import { openApp } from './support/open-app.js'

const minuteMs = 60_000
const dayMs = 1440 * minuteMs

function meterAt(budget?: number): { meter: UsageMeter; pass: (ms: number) => void } {
  let nowMs = 12_345
  return { meter: new UsageMeter(budget, () => nowMs), pass: (ms) => (nowMs += ms) }
}

t.test('commands are told by the minute and by the day', async (t) => {
  const { meter, pass } = meterAt()
  for (let minute = 0; minute < 60; minute += 1) {
    meter.add(minute === 59 ? 40 : 10)
    pass(minuteMs)
  }
  t.match(meter.usage, { estimate: true, commands: 630, perMinute: 40, perDay: 15_120, per30Days: 453_600 })
  t.equal(meter.usage.budget, undefined)
  t.equal(meter.usage.budgetUsed, undefined)
})

t.test('what is older than a day is forgotten, and the memory for it is bounded', async (t) => {
  const { meter, pass } = meterAt()
  meter.add(1_000_000)
  pass(dayMs + minuteMs)
  meter.add(5)
  t.match(meter.usage, { commands: 1_000_005, perDay: 5 })
  pass(100 * dayMs)
  t.match(meter.usage, { commands: 1_000_005, perMinute: 0, perDay: 0 })
})

t.test('the budget is compared with the pace, once there is one', async (t) => {
  const { meter, pass } = meterAt(432_000)
  for (let minute = 0; minute < 9; minute += 1) {
    meter.add(8)
    pass(minuteMs)
  }
  t.equal(meter.usage.budgetUsed, undefined, 'a start is no pace')
  meter.add(8)
  pass(minuteMs)
  // 8 a minute are 345,600 in 30 days.
  t.equal(meter.usage.budgetUsed, 0.8)
})

t.test('a pace over 80 % of the budget is a warning, once', async (t) => {
  const lines: string[] = []
  const board = new AlarmBoard({
    info: (_details, message) => lines.push(message),
    warn: (_details, message) => lines.push(message),
  })
  for (const used of [0.79, 0.81, 0.81, 0.81, 0.79, 0.79, 0.79, 0.79, 0.82, 0.82, 0.82]) {
    for (const observation of observeBudget(used, defaultThresholds)) board.observe(observation)
  }
  t.equal(lines.length, 1)
  t.match(lines[0], /command-budget \(process\) 81 % of REDIS_COMMAND_BUDGET at this pace \(an estimate\)/)
})

t.test('every command of every client of the process is counted, and no client is changed', async (t) => {
  const server = await startRedisServer({}, t)
  const sendCommand: unknown = Reflect.get(Redis.prototype, 'sendCommand')
  const { app } = await openApp(t, { commandBudget: 500_000, sampleEveryMs: 60_000 }, (app) =>
    app.register(redisConnection, { env: { REDIS_URL: server.url }, heartbeatMs: false }),
  )
  const queue = app.redisConnection.link('queue')
  await reaches(queue, 'up')
  const own = new Redis(server.url)
  t.teardown(() => {
    own.disconnect()
  })
  await own.ping()
  const worker = app.redisConnection.blockingClient('queue')
  await worker.ping()
  const commandsOf = (): number => app.healthChecks.snapshot().details.usage?.commands ?? 0
  const work = async (): Promise<void> => {
    await app.redisConnection.link().run(async (client) => {
      await client.set('a', '1')
      return client.get('a')
    })
    await queue.run((client) => client.call('LPUSH', 'jobs', 'x'))
    await worker.call('BLPOP', 'jobs', 1)
    await own.multi().set('b', '1').incr('b').exec()
    await own.pipeline().get('a').get('b').exec()
    await app.healthChecks.refresh()
  }
  // Twice, because the server is asked for its count by a client of this process too.
  const counts = await server.countCommands(work)
  const before = commandsOf()
  await work()
  const sent = Object.values(counts).reduce((sum, count) => sum + count, 0)
  t.equal(sent, 12, JSON.stringify(counts))
  t.equal(commandsOf() - before, sent)
  t.equal(Reflect.get(Redis.prototype, 'sendCommand'), sendCommand)
  t.notOk(Object.hasOwn(own, 'sendCommand'))
})

t.test('a client that publishes nothing is counted by the work of its link', async (t) => {
  const server = await startRedisServer({}, t)
  const client = new Valkey(server.url, { lazyConnect: true })
  const link = adoptClient(client, { name: 'default' })
  t.teardown(() => link.close())
  await reaches(link, 'up')
  const { app } = await openApp(t, { redis: link, commandBudget: 500_000, sampleEveryMs: 60_000 })
  const before = app.healthChecks.snapshot().details.usage?.commands ?? 0
  for (let time = 0; time < 20; time += 1) await link.run((redis) => redis.ping())
  const counted = Number(app.healthChecks.snapshot().details.usage?.commands) - before
  t.ok(counted >= 20, `${counted} of 20`)
})

t.test('where nothing is billed and no budget is set nothing is counted', async (t) => {
  const { app } = await openApp(t, { redis: false })
  t.equal(app.healthChecks.snapshot().details.usage, undefined)
})

t.test('the budget comes from the environment, unless an option says otherwise', async (t) => {
  const before = process.env['REDIS_COMMAND_BUDGET']
  process.env['REDIS_COMMAND_BUDGET'] = '500000'
  t.teardown(() => {
    if (before === undefined) delete process.env['REDIS_COMMAND_BUDGET']
    else process.env['REDIS_COMMAND_BUDGET'] = before
  })
  const { app } = await openApp(t)
  t.match(app.healthChecks.snapshot().details.usage, { budget: 500_000 })
  const without = await openApp(t, { commandBudget: false })
  t.equal(without.app.healthChecks.snapshot().details.usage, undefined)
})
