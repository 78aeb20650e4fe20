import { startProcess, startRedisServer, type ManagedProcess } from '@stayfast/test-kit'
import t from 'tap'
import { load } from './load.js'

const listening = /Server listening at (http:\/\/127\.0\.0\.1:\d+)/
const max = 3000
const algorithms = ['sliding-window', 'fixed-window'] as const

interface Member {
  readonly process: ManagedProcess
  readonly url: string
}

const server = await startRedisServer({}, t)

/** Windows so long that none ends in the middle of a test. */
async function startMember(): Promise<Member> {
  const env = {
    REDIS_URL: server.url,
    RATE_LIMIT_MAX: String(max),
    RATE_LIMIT_WINDOW_SECONDS: String(1000 * 86_400),
  }
  const process = await startProcess(
    new URL('apps/member.js', import.meta.url),
    { env, readyWhen: listening, timeoutMs: 60_000 },
    t,
  )
  return { process, url: listening.exec(await process.waitForLine(listening))?.[1] ?? '' }
}

function startFleet(): Promise<Member[]> {
  return Promise.all([1, 2, 3, 4].map(startMember))
}

async function loadAll(
  members: readonly Member[],
  path: string,
  each: number,
): Promise<{ admitted: number; refused: number }> {
  const answers = await Promise.all(members.map(({ url }) => load(`${url}/${path}`, each)))
  const count = (status: number): number => answers.reduce((sum, by) => sum + (by.get(status) ?? 0), 0)
  return { admitted: count(200), refused: count(429) }
}

let members: readonly Member[] = []

t.test('four processes admit exactly max of 20,000 requests, through restarts of all of them', async (t) => {
  members = await startFleet()
  for (const algorithm of algorithms) {
    t.same(await loadAll(members, algorithm, 500), { admitted: 2000, refused: 0 }, algorithm)
  }
  await Promise.all(members.map(({ process }, index) => process.kill(index < 2 ? 'SIGKILL' : 'SIGTERM')))

  members = await startFleet()
  for (const algorithm of algorithms) {
    t.same(await loadAll(members, algorithm, 4500), { admitted: 1000, refused: 17_000 }, algorithm)
  }
})

t.test(
  'processes that are killed in the middle of requests let nobody through beyond max',
  { timeout: 120_000 },
  async (t) => {
    const loading = loadAll(members, 'killed', 1500)
    const [first, second, ...others] = members
    await Promise.all([first?.process.kill('SIGKILL'), second?.process.kill('SIGKILL')])
    const { admitted } = await loading
    const rest = await loadAll(others, 'killed', 2000)
    t.ok(admitted + rest.admitted <= max, `${admitted} + ${rest.admitted}`)
    t.ok(rest.refused > 0)
  },
)

t.test('a process that starts later refuses at once what the others have used up', async (t) => {
  const last = await startMember()
  for (const algorithm of algorithms) {
    t.same(await loadAll([last], algorithm, 100), { admitted: 0, refused: 100 }, algorithm)
  }
})
