import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { startRedisServer } from '@stayfast/test-kit'
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import tenantInstanceStore, { type TenantInstance } from '../dist/index.js'
import { withGetFigures, type GetComparison, type GetResults } from './get-report.js'

/**
 * What `tenantInstances.get` costs over a bare GET and JSON.parse with the same client library, on the
 * same server, of the same document; asking Redis each time, and answering from memory. Writes JSON to
 * bench/results (medians, every sample, the versions) and the figures into the README.
 */
const readsPerRun = 30_000
const runs = 9
const ids = Array.from(
  { length: 100 },
  (_, index) => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
)

function merchant(id: string): TenantInstance {
  return {
    id,
    vendorId: 'vendor-1',
    shop: 'one.example.test',
    accessToken: 'x'.repeat(120),
    refreshToken: 'y'.repeat(120),
    scopes: ['products', 'orders', 'inventory'],
    installedAt: '2026-01-01T00:00:00.000Z',
    plan: { name: 'pro', seats: 5, trial: false },
  }
}

type Read = (id: string) => Promise<unknown>

/** Reads per second with so many reads under way at any moment. */
async function run(read: Read, concurrency: number): Promise<number> {
  const reads = concurrency === 1 ? readsPerRun / 5 : readsPerRun
  let left = reads
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      const instance = await read(ids[left % ids.length] ?? '')
      if (instance === undefined) throw new Error('the instance is not there')
    }
  }
  const startedMs = performance.now()
  await Promise.all(Array.from({ length: concurrency }, worker))
  return Math.round(reads / ((performance.now() - startedMs) / 1000))
}

function median(samples: readonly number[]): number {
  return [...samples].sort((one, other) => one - other)[Math.floor(samples.length / 2)] ?? NaN
}

async function version(name: string): Promise<string> {
  const manifest: unknown = JSON.parse(
    await readFile(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8'),
  )
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : ''
}

const server = await startRedisServer()
const redis = new Redis(server.url)
const app = Fastify()
const fromRedis = 'instancesFromRedis'
app.register(tenantInstanceStore, { redis })
app.register(tenantInstanceStore, { redis, decorateAs: fromRedis, answerFromMemory: false })
await app.ready()
const asking = app.getDecorator<typeof app.tenantInstances>(fromRedis)
for (const id of ids) {
  await app.tenantInstances.save(merchant(id))
  await redis.set(`bare:${id}`, JSON.stringify(merchant(id)))
}

const bareRead: Read = async (id) => {
  const instance: unknown = JSON.parse((await redis.get(`bare:${id}`)) ?? 'null')
  return instance
}
const redisRead: Read = (id) => asking.get(id)
const memoryRead: Read = (id) => app.tenantInstances.get(id)

async function compare(concurrency: number): Promise<GetComparison> {
  const samples = { bare: [] as number[], fromRedis: [] as number[], fromMemory: [] as number[] }
  for (const read of [bareRead, redisRead, memoryRead]) await run(read, concurrency)
  // In turns, so that what else the machine does falls on both.
  for (let round = 0; round < runs; round += 1) {
    samples.bare.push(await run(bareRead, concurrency))
    samples.fromRedis.push(await run(redisRead, concurrency))
    samples.fromMemory.push(await run(memoryRead, concurrency))
  }
  const bare = median(samples.bare)
  const ratio = (readsPerSecond: readonly number[]): number =>
    Number((median(readsPerSecond) / bare).toFixed(2))
  return {
    concurrency,
    medianBare: bare,
    ratios: { fromRedis: ratio(samples.fromRedis), fromMemory: ratio(samples.fromMemory) },
    samples,
  }
}

const results = [await compare(64), await compare(1)]
const info = await redis.info('server')
const report: GetResults = {
  benchmark: 'tenantInstances.get against GET and JSON.parse',
  unit: 'reads per second',
  readsPerRun,
  runs,
  documentBytes: Buffer.byteLength(JSON.stringify(merchant(ids[0] ?? ''))),
  bar: { concurrency: 64, ratio: 0.8 },
  results,
  versions: {
    node: process.version,
    redis: /redis_version:(\S+)/.exec(info)?.[1] ?? '',
    ioredis: await version('ioredis'),
    fastify: await version('fastify'),
  },
  machine: { cpus: cpus().length, model: cpus()[0]?.model ?? '' },
}
const root = new URL('..', import.meta.url)
await mkdir(new URL('bench/results/', root), { recursive: true })
await writeFile(new URL('bench/results/get.json', root), `${JSON.stringify(report, null, 2)}\n`)
const readme = new URL('README.md', root)
await writeFile(readme, withGetFigures(await readFile(readme, 'utf8'), report))
for (const { concurrency, ratios } of results) {
  console.log(
    `${concurrency} at a time: ${ratios.fromRedis} × bare from Redis, ${ratios.fromMemory} × from memory`,
  )
}
await app.close()
redis.disconnect()
await server.stop()
