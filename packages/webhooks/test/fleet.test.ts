import { eventually, longRuns, startRedisServer } from '@stayfast/test-kit'
import { Redis } from 'ioredis'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { post, startWorkerApp, type WorkerApp } from './start-worker-app.js'

/**
 * Two receivers and two workers, killed at random, a sender that repeats what was not answered and 30 % of
 * what was, and a Redis that is killed as well and keeps its data.
 */
const events = longRuns({ short: 1500, long: 10_000 })
const duplicates = Math.floor(events * 0.3)
const sendersAtOnce = 16
const killsBeforeRedis = 4
/** Those kills, and that of Redis. */
const faultsInAll = killsBeforeRedis + 1
const patient = { withinMs: 20_000 + events * 20, everyMs: 100 }

const seed = Number(process.env['STAYFAST_SEED'] ?? Date.now() % 1_000_000)
let state = seed
function random(): number {
  state = (state + 0x6d2b79f5) | 0
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}

/** Ids in the order of their deliveries: each event, and some of them again a little later. */
function deliveries(): string[] {
  const all = Array.from({ length: events }, (_, index) => ({ id: `w-${index}`, at: index }))
  const again = Array.from({ length: duplicates }, () => {
    const index = Math.floor(random() * events)
    return { id: `w-${index}`, at: index + random() * 200 }
  })
  return [...all, ...again].sort((one, other) => one.at - other.at).map(({ id }) => id)
}

t.test(`of ${events} events each takes effect once and none is lost, whoever is killed`, async (t) => {
  t.comment(`STAYFAST_SEED=${seed}`)
  const server = await startRedisServer({ appendOnly: true }, t)
  const effects = new Redis(server.url, { db: 5, maxRetriesPerRequest: null })
  effects.on('error', () => undefined)
  t.teardown(() => {
    effects.disconnect()
  })
  const common = { REDIS_URL: server.url, LEASE_SECONDS: '2', SLOW_MS: '100', LOG_LEVEL: 'info' }
  const roles = [
    { ...common, PROCESSING: 'false' },
    { ...common, PROCESSING: 'false' },
    { ...common, RECEIVING: 'false', QUEUE_CONCURRENCY: '10' },
    { ...common, RECEIVING: 'false', QUEUE_CONCURRENCY: '10' },
  ]
  const fleet: WorkerApp[] = await Promise.all(roles.map((env) => startWorkerApp(t, env)))

  let done = false
  let kills = 0
  let redisIsBack = false
  const killing = async (): Promise<void> => {
    while (!done) {
      await delay(200 + random() * 500)
      if (!redisIsBack && kills >= killsBeforeRedis) {
        await server.restart({ keepData: true })
        redisIsBack = true
        continue
      }
      // A worker every other time: it is killed on several events at once.
      const index = kills % 2 === 0 ? 2 + Math.floor(random() * 2) : Math.floor(random() * 2)
      const [victim, env] = [fleet[index], roles[index]]
      if (victim === undefined || env === undefined) continue
      await victim.process.kill('SIGKILL')
      kills += 1
      fleet[index] = await startWorkerApp(t, env)
    }
  }

  const answers = new Map<number, number>()
  const send = async (id: string): Promise<void> => {
    for (;;) {
      const receiver = fleet[Math.floor(random() * 2)]
      const status = receiver === undefined ? 0 : await post(receiver.url, { id, body: `{"id":"${id}"}` })
      answers.set(status, (answers.get(status) ?? 0) + 1)
      if (status === 202 || status === 200) return
      await delay(50 + random() * 200)
    }
  }
  const queue = deliveries()
  const inAll = queue.length
  // However quick this machine sends and however slowly it starts processes: a part of the deliveries follows
  // each fault, the last one the restart of Redis.
  const mayGoOn = (): boolean => {
    const faults = Math.min(kills, killsBeforeRedis) + (redisIsBack ? 1 : 0)
    return inAll - queue.length <= (inAll * (faults + 1)) / (faultsInAll + 1)
  }
  const sender = async (): Promise<void> => {
    while (queue.length > 0) {
      await eventually(mayGoOn, patient)
      const id = queue.shift()
      if (id !== undefined) await send(id)
    }
  }

  const killer = killing()
  const startedMs = performance.now()
  let sentAfterMs = 0
  try {
    await Promise.all(Array.from({ length: sendersAtOnce }, sender))
    sentAfterMs = performance.now() - startedMs
  } finally {
    done = true
    await killer
  }
  await eventually(async () => (await effects.llen('effects')) >= events, patient)

  const happened = await effects.lrange('effects', 0, -1)
  t.equal(happened.length, events)
  t.equal(new Set(happened).size, events, 'each once, none missing')
  const runs = await effects.lrange('runs', 0, -1)
  const handled = new Set(runs.map((run) => run.split(' ')[0]))
  t.equal(handled.size, events, 'every accepted event was handled')
  t.comment(`operations: ${runs.length}`)
  t.comment(
    `${kills} processes killed and Redis once; sent in ${(sentAfterMs / 1000).toFixed(1)} s; ` +
      `${runs.length - events} of ${runs.length} runs were repeated; answers ${JSON.stringify([...answers])}`,
  )
  t.ok(kills > 3, `${kills} kills`)
  t.ok(redisIsBack, 'and Redis was killed and restarted')
  t.ok(runs.length < events * 1.5, 'repeated runs are the exception')
})
