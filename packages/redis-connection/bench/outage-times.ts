import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { eventually, startFaultProxy, startRedisServer } from '@stayfast/test-kit'
import type { RedisLink } from '@stayfast/redis-kit'
import Fastify from 'fastify'
import redisConnection from '../dist/index.js'
import type { OutageTimes, Samples } from './outage-times-report.js'

/**
 * How long an idle link takes to notice that Redis is gone, and to be up again when it returns: for a
 * frozen server, a black hole in the network and kill -9. Writes every sample to bench/results.
 */
const trials = 20
/** Each fault lasts until it was noticed and this much longer, so that reconnects are under way. */
const awayMs = 1500

const root = new URL('..', import.meta.url)

/** Times are taken where the state changes, not where somebody looks. */
function next(link: RedisLink, when: (status: RedisLink['status']) => boolean): Promise<number> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!when(link.status)) return
      stop()
      resolve(performance.now())
    }
    const stop = link.onChange(look)
    look()
  })
}

interface Fault {
  readonly name: string
  /** Resolves at the moment from which Redis is gone. */
  readonly begin: () => Promise<number>
  /** Resolves at the moment from which Redis is back. */
  readonly end: () => Promise<number>
}

async function measure(link: RedisLink, fault: Fault): Promise<Samples> {
  const noticedMs: number[] = []
  const backMs: number[] = []
  for (let trial = 0; trial < trials; trial += 1) {
    await eventually(() => link.status === 'up', { withinMs: 20_000 })
    // Anywhere between two heartbeats.
    await new Promise((resolve) => setTimeout(resolve, 300 + (trial * 800) / trials))
    const noticed = next(link, (status) => status !== 'up')
    const goneAt = await fault.begin()
    noticedMs.push(Math.round((await noticed) - goneAt))
    await new Promise((resolve) => setTimeout(resolve, awayMs + Math.random() * 1000))
    const back = next(link, (status) => status === 'up')
    const returnedAt = await fault.end()
    backMs.push(Math.max(0, Math.round((await back) - returnedAt)))
    process.stderr.write(
      `${fault.name} ${trial + 1}/${trials}: ${noticedMs.at(-1)} ms, ${backMs.at(-1)} ms\n`,
    )
  }
  return { fault: fault.name, noticedMs, backMs }
}

async function version(name: string): Promise<string> {
  const manifest: unknown = JSON.parse(
    await readFile(new URL(`node_modules/${name}/package.json`, root), 'utf8'),
  )
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : ''
}

const server = await startRedisServer()
const proxy = await startFaultProxy({ host: server.host, port: server.port })
const app = Fastify()
await app.register(redisConnection, { env: false, url: proxy.url(server.url) })
const direct = Fastify()
await direct.register(redisConnection, { env: false, url: server.url })
await Promise.all([app.ready(), direct.ready()])

const faults: readonly (readonly [RedisLink, Fault])[] = [
  [
    direct.redisConnection.link(),
    {
      name: 'frozen (SIGSTOP)',
      begin: () => {
        server.freeze()
        return Promise.resolve(performance.now())
      },
      end: () => {
        server.thaw()
        return Promise.resolve(performance.now())
      },
    },
  ],
  [
    app.redisConnection.link(),
    {
      name: 'black hole',
      begin: () => {
        proxy.blackHole({ drop: true })
        return Promise.resolve(performance.now())
      },
      end: async () => {
        await proxy.restore()
        return performance.now()
      },
    },
  ],
  [
    direct.redisConnection.link(),
    {
      name: 'kill -9',
      begin: async () => {
        const killedAt = performance.now()
        await server.kill()
        return killedAt
      },
      end: async () => {
        await server.restart()
        return performance.now()
      },
    },
  ],
]

const samples: Samples[] = []
for (const [link, fault] of faults) samples.push(await measure(link, fault))

const report: OutageTimes = {
  benchmark: 'outage-times',
  unit: 'ms',
  trials,
  bars: { noticedMs: 2000, backMs: 1000 },
  samples,
  versions: {
    node: process.version,
    redis: app.redisConnection.facts?.version ?? direct.redisConnection.facts?.version ?? '',
    ioredis: await version('ioredis'),
    fastify: await version('fastify'),
  },
  machine: { cpus: cpus().length, model: cpus()[0]?.model ?? '' },
}
const results = new URL('bench/results/', root)
await mkdir(results, { recursive: true })
await writeFile(new URL('outage-times.json', results), `${JSON.stringify(report, null, 2)}\n`)
await Promise.all([app.close(), direct.close(), proxy.stop()])
await server.stop()
