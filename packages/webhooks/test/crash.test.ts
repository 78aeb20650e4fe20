import { eventually, startCluster } from '@stayfast/test-kit'
import t, { type Test } from 'tap'
import { startEffects } from './start-effects.js'
import { post, startWorkerApp } from './start-worker-app.js'

const patient = { withinMs: 60_000 }

t.test(
  'crash after the handler: another worker takes the event over, and its effect happens once',
  async (t) => {
    const { url, effects } = await startEffects(t)
    const dying = await startWorkerApp(t, { REDIS_URL: url, DIE: 'after the handler' })
    // The worker is the receiver here: it may be gone before its answer has left.
    t.ok([202, 0].includes(await post(dying.url, { id: 'w-1' })))
    await dying.process.exited
    const second = await startWorkerApp(t, { REDIS_URL: url })
    await eventually(async () => (await effects.llen('runs')) === 2, patient)
    t.strictSame(await effects.lrange('runs', 0, -1), ['w-1 1 false', 'w-1 1 true'])
    await eventually(async () => (await effects.llen('effects')) === 1, patient)
    await eventually(async () => (await post(second.url, { id: 'w-1' })) === 200, patient)
    await eventually(() => second.process.kill('SIGTERM'))
    t.strictSame(await effects.lrange('effects', 0, -1), ['w-1'])
  },
)

/** Where the app finds Redis; its effects stay on a server of their own. */
const topologies: Record<string, (t: Test, url: string) => Promise<Record<string, string | undefined>>> = {
  'one server': async (_t, url) => ({ REDIS_URL: url }),
  'a Cluster': async (t) => {
    const { nodes } = await startCluster({}, t)
    return { REDIS_CLUSTER_NODES: nodes.map(({ host, port }) => `${host}:${port}`).join(',') }
  },
}

for (const [name, addressOf] of Object.entries(topologies)) {
  t.test(
    `an event sent three times, with the worker killed on it once, takes effect once, on ${name}`,
    async (t) => {
      const { url, effects } = await startEffects(t)
      const env = { ...(await addressOf(t, url)), EFFECTS_URL: url }
      const receiver = await startWorkerApp(t, { ...env, PROCESSING: 'false' })
      t.equal(await post(receiver.url, { id: 'w-1' }), 202)
      const worker = { ...env, RECEIVING: 'false' }
      const dying = await startWorkerApp(t, { ...worker, DIE: 'in the handler' })
      await dying.process.exited
      t.equal(await post(receiver.url, { id: 'w-1' }), 200)
      await startWorkerApp(t, worker)
      await eventually(async () => (await effects.llen('effects')) === 1, patient)
      t.equal(await post(receiver.url, { id: 'w-1' }), 200)
      t.strictSame(await effects.lrange('effects', 0, -1), ['w-1'])
    },
  )
}

t.test('the same event at two processes at the same instant is accepted by one of them', async (t) => {
  const { url, effects } = await startEffects(t)
  const [one, other] = await Promise.all([
    startWorkerApp(t, { REDIS_URL: url, LEASE_SECONDS: '10' }),
    startWorkerApp(t, { REDIS_URL: url, LEASE_SECONDS: '10' }),
  ])
  const rounds = 40
  for (let round = 0; round < rounds; round += 1) {
    const id = `w-${round}`
    const answers = await Promise.all([one, other, one, other].map(({ url }) => post(url, { id })))
    t.equal(answers.filter((status) => status === 202).length, 1, answers.join(' '))
    t.ok(answers.every((status) => [202, 200, 503].includes(status)))
    t.equal(await post(other.url, { id }), 200)
  }
  await eventually(async () => (await effects.llen('effects')) === rounds, patient)
  t.equal(await effects.llen('runs'), rounds)
})
