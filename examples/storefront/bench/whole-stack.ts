import { type ManagedProcess, startProcess, startRedisServer } from '@stayfast/test-kit'
import { readFile, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { keepOnCore } from './keep-on-core.js'
import { load } from './load.js'
import { salesReport } from './report.js'
import {
  type Sample,
  type Stack,
  stacks,
  type WholeStackResults,
  withWholeStackFigures,
} from './whole-stack-report.js'

/**
 * The same signed-in, limited, cached report on bare Fastify, on the well-known plugins as they come, and on
 * Stayfast, each in a process of its own, in turns. Writes JSON to bench/results and the figures into the README.
 */
const runs = Number(process.env['BENCH_RUNS'] ?? 15)
const secondsPerRun = Number(process.env['BENCH_SECONDS'] ?? 3)
const connections = 64
/** Who is signed in; one after another asks. */
const users = 64

interface Subject {
  readonly stack: Stack
  readonly process: ManagedProcess
  readonly url: string
  /** One of each user. */
  readonly cookies: readonly string[]
  readonly samples: Sample[]
}

const listening = /listening at (\S+)/
const [clientCore, serverCore] = [0, 1]
/** What is measured shares its core with nobody; Redis and the client share the other one. */
const ownCore = cpus().length > 1 && (await keepOnCore(process.pid, clientCore))
await using server = await startRedisServer()

async function start(stack: Stack): Promise<Subject> {
  const process = await startProcess(new URL('serve.js', import.meta.url), {
    env: { BENCH_STACK: stack, REDIS_URL: server.url, NODE_ENV: 'production' },
    readyWhen: listening,
  })
  if (ownCore) await keepOnCore(process.pid, serverCore)
  const url = listening.exec(await process.waitForLine(listening))?.[1] ?? ''
  const cookies: string[] = []
  for (let user = 0; user < users; user += 1) {
    const login = await fetch(`${url}/login`, { method: 'POST' })
    const cookie = login.headers.get('set-cookie')?.split(';')[0] ?? ''
    const got = await (await fetch(`${url}/report`, { headers: { cookie } })).text()
    if (got !== JSON.stringify(salesReport('vendor-1'))) throw new Error(`${stack} answered ${got}`)
    cookies.push(cookie)
  }
  if (stack !== 'bare') {
    const { status } = await fetch(`${url}/report`)
    if (status !== 401) throw new Error(`${stack} answered a visitor with ${status}`)
  }
  return { stack, process, url, cookies, samples: [] }
}

async function cpuUs(url: string): Promise<number> {
  const { us } = (await (await fetch(`${url}/cpu`)).json()) as { us: number }
  return us
}

async function measure({ url, cookies }: Subject, seconds: number): Promise<Sample> {
  const before = await cpuUs(url)
  const result = await load({ url, cookies, connections, seconds })
  return {
    perSecond: Math.round(result.requests / result.seconds),
    cpuUs: Number((((await cpuUs(url)) - before) / result.requests).toFixed(2)),
    p99Ms: Number(result.p99Ms.toFixed(1)),
  }
}

/** Counted apart from the timed runs, which counting would slow down. */
async function commandsPerRequest({ url, cookies }: Subject): Promise<number> {
  let requests = 0
  const counts = await server.countCommands(async () => {
    requests = (await load({ url, cookies, connections, seconds: 1 })).requests
  })
  const sum = Object.values(counts).reduce((sum, count) => sum + count, 0)
  return Number((sum / requests).toFixed(2))
}

async function version(name: string): Promise<string> {
  const manifest: unknown = JSON.parse(
    await readFile(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8'),
  )
  return String(typeof manifest === 'object' && manifest !== null ? Reflect.get(manifest, 'version') : '')
}

const subjects: Subject[] = []
for (const stack of stacks) subjects.push(await start(stack))
for (const subject of subjects) await measure(subject, 3)
for (let run = 1; run <= runs; run += 1) {
  console.log(`run ${run} of ${runs}`)
  // In turns, so that what else the machine does falls on all.
  for (const subject of subjects) subject.samples.push(await measure(subject, secondsPerRun))
}
const commands: Partial<Record<Stack, number>> = {}
for (const subject of subjects) commands[subject.stack] = await commandsPerRequest(subject)

const names = ['fastify', '@fastify/session', '@fastify/rate-limit', 'bentocache', 'ioredis']
const report: WholeStackResults = {
  benchmark: 'a signed-in, limited, cached report',
  runs,
  secondsPerRun,
  connections,
  ownCore,
  samples: Object.fromEntries(subjects.map(({ stack, samples }) => [stack, samples])),
  commands,
  versions: {
    node: process.version,
    redis: /redis_version:(\S+)/.exec(String(await server.command('info', 'server')))?.[1] ?? '',
    ...Object.fromEntries(await Promise.all(names.map(async (name) => [name, await version(name)] as const))),
  },
  machine: { cpus: cpus().length, model: cpus()[0]?.model ?? '' },
}
const root = new URL('..', import.meta.url)
await writeFile(new URL('bench/results/whole-stack.json', root), `${JSON.stringify(report, null, 2)}\n`)
const readme = new URL('README.md', root)
const { text, lines } = withWholeStackFigures(await readFile(readme, 'utf8'), report)
await writeFile(readme, text)
for (const line of lines) console.log(line)
for (const { process } of subjects) await process.stop()
