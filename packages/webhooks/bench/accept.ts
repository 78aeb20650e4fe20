import { startProcess, startRedisServer } from '@stayfast/test-kit'
import { createHmac } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { cpus } from 'node:os'
import { withAcceptFigures, type AcceptFigures, type AcceptResults } from './accept-report.js'

/**
 * How fast webhooks are accepted, against a bare route with the same HMAC check and BullMQ's `add`, each a
 * process of its own over the network, in turns. Writes JSON to bench/results and the figures into the README.
 */
const requestsPerRun = 4000
const runs = 7
const concurrency = 32
const body = JSON.stringify({ id: 1, productId: 'p-1-1', quantity: 2, note: 'x'.repeat(900) })
const signature = createHmac('sha256', 'secret of the bench').update(body).digest('hex')
const agent = new Agent({ keepAlive: true, maxSockets: concurrency })

function post(url: string, id: string, expected: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(
      `${url}/webhooks/generic`,
      {
        method: 'POST',
        agent,
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          'x-signature': signature,
          'x-webhook-id': id,
          'x-topic': 'orders/create',
          'x-tenant': 'i-1',
        },
      },
      (response) => {
        response.resume()
        response.on('end', () => {
          if (response.statusCode === expected) resolve()
          else reject(new Error(`answered ${response.statusCode ?? 0}`))
        })
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

const rounded = (value: number): number => Number(value.toFixed(1))

async function run(url: string, idOf: (index: number) => string, expected: number): Promise<AcceptFigures> {
  const times: number[] = []
  let next = 0
  const sender = async (): Promise<void> => {
    while (next < requestsPerRun) {
      const id = idOf(next)
      next += 1
      const sentMs = performance.now()
      await post(url, id, expected)
      times.push(performance.now() - sentMs)
    }
  }
  const startedMs = performance.now()
  await Promise.all(Array.from({ length: concurrency }, sender))
  const tookSeconds = (performance.now() - startedMs) / 1000
  times.sort((one, other) => one - other)
  const quantile = (part: number): number => times[Math.floor(times.length * part)] ?? Number.NaN
  return {
    perSecond: Math.round(requestsPerRun / tookSeconds),
    p50Ms: rounded(quantile(0.5)),
    p99Ms: rounded(quantile(0.99)),
  }
}

function medians(samples: readonly AcceptFigures[]): AcceptFigures {
  const median = (of: (sample: AcceptFigures) => number): number =>
    samples.map(of).sort((one, other) => one - other)[Math.floor(samples.length / 2)] ?? Number.NaN
  return {
    perSecond: median(({ perSecond }) => perSecond),
    p50Ms: median(({ p50Ms }) => p50Ms),
    p99Ms: median(({ p99Ms }) => p99Ms),
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

const listening = /Server listening at (http:\/\/127\.0\.0\.1:\d+)/
await using server = await startRedisServer()
async function startSubject(subject: string): Promise<{ url: string; stop: () => Promise<void> }> {
  const started = await startProcess(new URL('server.js', import.meta.url), {
    env: { REDIS_URL: server.url, SUBJECT: subject, NODE_ENV: 'production' },
    readyWhen: listening,
  })
  const url = listening.exec(await started.waitForLine(listening))?.[1] ?? ''
  return { url, stop: () => started.stop() }
}

const [bare, webhooks] = [await startSubject('bare'), await startSubject('webhooks')]
const samples = {
  bare: [] as AcceptFigures[],
  webhooks: [] as AcceptFigures[],
  duplicates: [] as AcceptFigures[],
}
// In turns, so that what else the machine does falls on all; the first round warms up.
for (let round = 0; round <= runs; round += 1) {
  const idOf = (index: number): string => `${round}-${index}`
  const figures = {
    bare: await run(bare.url, idOf, 202),
    webhooks: await run(webhooks.url, idOf, 202),
    duplicates: await run(webhooks.url, idOf, 200),
  }
  if (round === 0) continue
  samples.bare.push(figures.bare)
  samples.webhooks.push(figures.webhooks)
  samples.duplicates.push(figures.duplicates)
}
agent.destroy()
await Promise.all([bare.stop(), webhooks.stop()])

const report: AcceptResults = {
  benchmark: 'webhooks accepted, against a bare route with HMAC check and BullMQ add',
  requestsPerRun,
  runs,
  concurrency,
  bodyBytes: Buffer.byteLength(body),
  bare: medians(samples.bare),
  webhooks: medians(samples.webhooks),
  duplicates: medians(samples.duplicates),
  samples,
  versions: {
    node: process.version,
    redis: /redis_version:(\S+)/.exec(String(await server.command('info', 'server')))?.[1] ?? '',
    bullmq: await version('bullmq'),
    fastify: await version('fastify'),
  },
  machine: { cpus: cpus().length, model: cpus()[0]?.model ?? '' },
}
const root = new URL('..', import.meta.url)
await mkdir(new URL('bench/results/', root), { recursive: true })
await writeFile(new URL('bench/results/accept.json', root), `${JSON.stringify(report, null, 2)}\n`)
const readme = new URL('README.md', root)
await writeFile(readme, withAcceptFigures(await readFile(readme, 'utf8'), report))
for (const name of ['bare', 'webhooks', 'duplicates'] as const) {
  const { perSecond, p50Ms, p99Ms } = report[name]
  console.log(`${name}: ${perSecond} a second, median ${p50Ms} ms, p99 ${p99Ms} ms`)
}
