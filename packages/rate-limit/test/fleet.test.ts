import { startProcess, startRedisServer, type ManagedProcess } from '@stayfast/test-kit'
import t, { type Test } from 'tap'
import { load } from './load.js'

const listening = /Server listening at (http:\/\/127\.0\.0\.1:\d+)/
const max = 3000

interface Member {
  readonly process: ManagedProcess
  readonly url: string
}

/** Windows so long that none ends in the middle of a test. */
async function startMember(t: Test, redisUrl: string, algorithm: string): Promise<Member> {
  const env = {
    REDIS_URL: redisUrl,
    ALGORITHM: algorithm,
    RATE_LIMIT_MAX: String(max),
    RATE_LIMIT_WINDOW_SECONDS: String(1000 * 86_400),
  }
  const process = await startProcess(
    new URL('apps/member.js', import.meta.url),
    { env, readyWhen: listening, timeoutMs: 30_000 },
    t,
  )
  return { process, url: listening.exec(await process.waitForLine(listening))?.[1] ?? '' }
}

function startFleet(t: Test, redisUrl: string, algorithm: string): Promise<Member[]> {
  return Promise.all([1, 2, 3, 4].map(() => startMember(t, redisUrl, algorithm)))
}

async function loadAll(
  members: readonly Member[],
  each: number,
): Promise<{ admitted: number; refused: number }> {
  const answers = await Promise.all(members.map(({ url }) => load(url, each)))
  const count = (status: number): number => answers.reduce((sum, by) => sum + (by.get(status) ?? 0), 0)
  return { admitted: count(200), refused: count(429) }
}

for (const algorithm of ['sliding-window', 'fixed-window']) {
  t.test(
    `${algorithm}: four processes admit exactly max of 20,000 requests, through restarts of all of them`,
    async (t) => {
      const server = await startRedisServer({}, t)
      const members = await startFleet(t, server.url, algorithm)
      t.same(await loadAll(members, 500), { admitted: 2000, refused: 0 })
      await Promise.all(members.map(({ process }, index) => process.kill(index < 2 ? 'SIGKILL' : 'SIGTERM')))

      const next = await startFleet(t, server.url, algorithm)
      t.same(await loadAll(next, 4500), { admitted: 1000, refused: 17_000 })

      const [first] = next
      await first?.process.kill('SIGKILL')
      const last = await startMember(t, server.url, algorithm)
      t.same(await loadAll([last], 100), { admitted: 0, refused: 100 })
    },
  )
}

t.test('processes that are killed in the middle of requests let nobody through beyond max', async (t) => {
  const server = await startRedisServer({}, t)
  const members = await startFleet(t, server.url, 'sliding-window')
  const loading = loadAll(members, 3000)
  const [first, second, ...others] = members
  await Promise.all([first?.process.kill('SIGKILL'), second?.process.kill('SIGKILL')])
  const { admitted } = await loading
  const rest = await loadAll(others, 2000)
  t.ok(admitted + rest.admitted <= max, `${admitted} + ${rest.admitted}`)
  t.ok(rest.refused > 0)
})
