import { startProcess, startRedisServer } from '@stayfast/test-kit'
import autocannon from 'autocannon'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { withRequestFigures, type RequestResults, type Sample } from './requests-report.js'

/**
 * Signed-in requests per second: bare Fastify, @fastify/session with a plain ioredis store (rolling on and
 * off), and this plugin, each in a process of its own, in turns. Writes JSON to bench/results and the
 * figures into the README.
 */
const subjects = ['bare', 'plain, rolling', 'plain, not rolling', 'ours'] as const
const runs = Number(process.env['BENCH_RUNS'] ?? 7)
const secondsPerRun = Number(process.env['BENCH_SECONDS'] ?? 3)
const connections = 64

interface Subject {
  readonly name: string
  readonly url: string
  readonly cookie: string
  readonly samples: Sample[]
}

const listening = /listening at (\S+)/
await using server = await startRedisServer()

async function startSubject(name: string): Promise<Subject> {
  const process = await startProcess(new URL('serve.js', import.meta.url), {
    env: { BENCH_SUBJECT: name, REDIS_URL: server.url, NODE_ENV: 'production' },
    readyWhen: listening,
  })
  const url = listening.exec(await process.waitForLine(listening))?.[1] ?? ''
  const login = await fetch(`${url}/login`, { method: 'POST' })
  const cookie = login.headers.get('set-cookie')?.split(';')[0] ?? ''
  const me: unknown = await (await fetch(`${url}/me`, { headers: { cookie } })).json()
  if (JSON.stringify(me) !== '{"userId":"ada"}') throw new Error(`${name} does not know who is signed in`)
  return { name, url, cookie, samples: [] }
}

async function cpuUs(url: string): Promise<number> {
  const { us } = (await (await fetch(`${url}/cpu`)).json()) as { us: number }
  return us
}

async function measure({ url, cookie }: Subject, seconds: number): Promise<Sample> {
  const before = await cpuUs(url)
  const result = await autocannon({
    url: `${url}/me`,
    connections,
    duration: seconds,
    headers: { cookie },
  })
  const requests = result['2xx']
  if (result.non2xx > 0 || result.errors > 0) throw new Error('requests failed')
  return {
    perSecond: Math.round(requests / result.duration),
    cpuUs: Number((((await cpuUs(url)) - before) / requests).toFixed(2)),
  }
}

async function version(name: string): Promise<string> {
  const manifest: unknown = JSON.parse(
    await readFile(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8'),
  )
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : ''
}

const started: Subject[] = []
for (const name of subjects) started.push(await startSubject(name))
for (const subject of started) await measure(subject, 2)
for (let run = 0; run < runs; run += 1) {
  // In turns, so that what else the machine does falls on all.
  for (const subject of started) subject.samples.push(await measure(subject, secondsPerRun))
}

const info = String(await server.command('info', 'server'))
const report: RequestResults = {
  benchmark: 'signed-in requests per second',
  runs,
  secondsPerRun,
  connections,
  bars: { rolling: 1.8, notRolling: 1.2 },
  samples: Object.fromEntries(started.map(({ name, samples }) => [name, samples])),
  versions: {
    node: process.version,
    redis: /redis_version:(\S+)/.exec(info)?.[1] ?? '',
    ioredis: await version('ioredis'),
    fastify: await version('fastify'),
    '@fastify/session': await version('@fastify/session'),
  },
  machine: { cpus: cpus().length, model: cpus()[0]?.model ?? '' },
}
const root = new URL('..', import.meta.url)
await mkdir(new URL('bench/results/', root), { recursive: true })
await writeFile(new URL('bench/results/requests.json', root), `${JSON.stringify(report, null, 2)}\n`)
const readme = new URL('README.md', root)
const { text, lines } = withRequestFigures(await readFile(readme, 'utf8').catch(() => ''), report)
if (text !== undefined) await writeFile(readme, text)
for (const line of lines) console.log(line)
process.exit(0)
