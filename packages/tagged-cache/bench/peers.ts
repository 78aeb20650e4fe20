import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { adoptClient } from '@stayfast/redis-kit'
import { eventually, startRedisServer } from '@stayfast/test-kit'
import { Redis } from 'ioredis'
import { CacheEngine } from '../dist/cache-engine.js'
import { defaultOptions } from '../dist/options.js'
import { rootScope } from '../dist/scope.js'
import { peers } from './peer-list.js'
import type { Peer, PeerCache } from './peer.js'
import { tags, ttlSeconds } from './peer.js'
import { withPeerFigures, type PeerResult, type PeersReport } from './peers-report.js'

/**
 * The cache against its peers and against the bare way, in one run on one server: hits in memory, hits
 * in Redis with a cold memory, misses with what is stored of them. Writes JSON to bench/results and the
 * figures into the README.
 */
const runs = 5
const hitsPerRun = 200_000
const readsPerRun = 6000
const missesPerRun = 4000
const concurrency = 64

const value = {
  vendorId: 'vendor-1',
  items: Array.from({ length: 9 }, (_, index) => ({
    id: `p-1-${index}`,
    name: `Product number ${index} of the vendor`,
    priceCents: 1999 + index,
    stock: 7,
    tags: ['a', 'b'],
  })),
}
const valueText = JSON.stringify(value)
const load = (): Promise<unknown> => Promise.resolve(value)

function median(samples: readonly number[]): number {
  return [...samples].sort((one, other) => one - other)[Math.floor(samples.length / 2)] ?? NaN
}

/** Operations per second, one behind the other. */
async function inTurn(count: number, work: (index: number) => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  for (let index = 0; index < count; index += 1) await work(index)
  return Math.round(count / ((performance.now() - startedMs) / 1000))
}

/** Operations per second, so many at a time. */
async function atOnce(count: number, work: (index: number) => Promise<unknown>): Promise<number> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) {
      next += 1
      await work(next)
    }
  }
  const startedMs = performance.now()
  await Promise.all(Array.from({ length: concurrency }, worker))
  return Math.round(count / ((performance.now() - startedMs) / 1000))
}

async function packageVersion(name: string): Promise<string> {
  const manifest: unknown = JSON.parse(
    await readFile(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8'),
  )
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : ''
}

const server = await startRedisServer()
const redis = new Redis(server.url)
let unique = 0

/** What a peer cannot be asked for stays empty. */
interface Samples {
  readonly localHit: number[]
  readonly redisHit: number[]
  readonly missAndSet: number[]
}
const samplesOf = new Map<string, Samples>()
const bare: Samples = { localHit: [], redisHit: [], missAndSet: [] }

async function measureBare(round: number): Promise<void> {
  const map = new Map(Array.from({ length: 100 }, (_, index) => [`k${index}`, value]))
  // eslint-disable-next-line @typescript-eslint/require-await -- the bare way is an async function
  const read = async (key: string): Promise<unknown> => map.get(key)
  const keys = [...map.keys()]
  bare.localHit.push(await inTurn(hitsPerRun, (index) => read(keys[index % 100] ?? '')))
  for (let index = 1; index <= readsPerRun; index += 1) {
    await redis.set(`bare:${round}:${index}`, valueText, 'EX', ttlSeconds)
  }
  bare.redisHit.push(
    await atOnce(readsPerRun, async (index) => {
      const found: unknown = JSON.parse((await redis.get(`bare:${round}:${index}`)) ?? 'null')
      return found
    }),
  )
  bare.missAndSet.push(
    await atOnce(missesPerRun, async (index) => {
      await redis.get(`bare:miss:${round}:${index}`)
      const loaded = await load()
      await redis.set(`bare:miss:${round}:${index}`, JSON.stringify(loaded), 'EX', ttlSeconds)
    }),
  )
}

async function measure(peer: Peer, samples: Samples): Promise<void> {
  unique += 1
  const run = unique
  const writer = await peer.open(server.url)
  const reader = await peer.open(server.url)
  try {
    if (peer.hasMemory) await measureMemory(writer, run, samples)
    if (!peer.hasRedis) return
    for (let from = 1; from <= readsPerRun; from += 500) {
      await Promise.all(
        Array.from({ length: Math.min(500, readsPerRun - from + 1) }, (_, index) =>
          writer.getOrSet(`read:${run}:${from + index}`, load),
        ),
      )
    }
    // The process has been running for a while: it knows its tags.
    await reader.getOrSet(`warm:${run}`, load)
    if (peer.hasMemory) {
      samples.redisHit.push(
        await atOnce(readsPerRun, (index) =>
          reader.getOrSet(`read:${run}:${index}`, () => Promise.reject(new Error('it was to be a hit'))),
        ),
      )
    }
    samples.missAndSet.push(
      await atOnce(missesPerRun, (index) => reader.getOrSet(`miss:${run}:${index}`, load)),
    )
  } finally {
    await writer.close()
    await reader.close()
  }
}

async function measureMemory(cache: PeerCache, run: number, samples: Samples): Promise<void> {
  const keys = Array.from({ length: 100 }, (_, index) => `hit:${run}:${index}`)
  for (const key of keys) await cache.getOrSet(key, load)
  // Slow ones need not be measured for as long.
  const quick = await inTurn(2000, (index) => cache.getOrSet(keys[index % 100] ?? '', load))
  const count = Math.min(hitsPerRun, Math.max(2000, quick))
  samples.localHit.push(await inTurn(count, (index) => cache.getOrSet(keys[index % 100] ?? '', load)))
}

/** Calls of all processes for one cold key at the same moment. */
async function countLoaders(peer: Peer): Promise<number> {
  unique += 1
  const key = `flight:${unique}`
  const caches = await Promise.all([1, 2, 3, 4].map(() => peer.open(server.url)))
  let loaders = 0
  const slow = async (): Promise<unknown> => {
    loaders += 1
    await new Promise((resolve) => setTimeout(resolve, 200))
    return value
  }
  await Promise.all(Array.from({ length: 1000 }, async (_, index) => caches[index % 4]?.getOrSet(key, slow)))
  await Promise.all(caches.map((cache) => cache.close()))
  return loaders
}

/** Redis time of an invalidation of a tag that a million keys have. */
async function measureInvalidation(): Promise<{ keys: number; redisUs: number }> {
  const keys = 1_000_000
  const [own] = peers
  if (own === undefined) throw new Error('There is no peer.')
  await redis.flushall()
  const cache = await own.open(server.url)
  await cache.getOrSet('one', () => Promise.resolve(1))
  await cache.close()
  const text = (await redis.get('cache:one')) ?? ''
  for (let from = 0; from < keys; from += 50_000) {
    await redis.eval(
      "for i = ARGV[1], ARGV[1] + 49999 do redis.call('SET', 'cache:k' .. i, ARGV[2], 'EX', 600) end",
      0,
      from,
      text,
    )
  }
  const link = adoptClient(redis, { name: 'cache' })
  const logger = { info: () => undefined, error: () => undefined }
  const engine = new CacheEngine({ ...defaultOptions, link, logger, leaseMs: 600_000 })
  await eventually(() => engine.shared?.trusted === true, { withinMs: 20_000 })
  await engine.invalidateTags(rootScope, ['taught'])
  const samples: number[] = []
  for (let run = 0; run < 21; run += 1) {
    await server.command('config', 'resetstat')
    await engine.invalidateTags(rootScope, [tags[0] ?? ''])
    const stats = String(await server.command('info', 'commandstats'))
    samples.push(Number(/cmdstat_evalsha:calls=\d+,usec=(\d+)/.exec(stats)?.[1] ?? NaN))
  }
  await engine.close(0)
  await link.close()
  return { keys, redisUs: median(samples) }
}

for (let round = 0; round < runs; round += 1) {
  await redis.flushall()
  await measureBare(round)
  for (const peer of peers) {
    const samples = samplesOf.get(peer.name) ?? { localHit: [], redisHit: [], missAndSet: [] }
    samplesOf.set(peer.name, samples)
    await measure(peer, samples)
    console.log(`run ${round + 1} of ${runs}: ${peer.name}`)
  }
}

function multiple(samples: readonly number[], of: readonly number[]): number | undefined {
  return samples.length === 0 ? undefined : Number((median(samples) / median(of)).toFixed(4))
}

const results: PeerResult[] = []
for (const peer of peers) {
  const samples = samplesOf.get(peer.name) ?? bare
  results.push({
    name: peer.name,
    version: peer.package === undefined ? '' : await packageVersion(peer.package),
    localHit: multiple(samples.localHit, bare.localHit),
    redisHit: multiple(samples.redisHit, bare.redisHit),
    missAndSet: multiple(samples.missAndSet, bare.missAndSet),
    loaders: await countLoaders(peer),
    samples: { ...samples },
  })
}
const report: PeersReport = {
  benchmark: 'getOrSet against peers and the bare way',
  runs,
  valueBytes: Buffer.byteLength(valueText),
  tags: tags.length,
  bare: {
    localHit: median(bare.localHit),
    redisHit: median(bare.redisHit),
    missAndSet: median(bare.missAndSet),
  },
  peers: results,
  invalidation: await measureInvalidation(),
  bars: { localHit: 0.8, redisHit: 0.75, missAndSet: 0.75, redisUs: 1000 },
  versions: {
    node: process.version,
    redis: /redis_version:(\S+)/.exec(await redis.info('server'))?.[1] ?? '',
    ioredis: await packageVersion('ioredis'),
  },
  machine: { cpus: cpus().length, model: cpus()[0]?.model ?? '' },
}
const root = new URL('..', import.meta.url)
await mkdir(new URL('bench/results/', root), { recursive: true })
await writeFile(new URL('bench/results/peers.json', root), `${JSON.stringify(report, null, 2)}\n`)
for (const { name, localHit, redisHit, missAndSet, loaders } of results) {
  console.log(name, { localHit, redisHit, missAndSet, loaders })
}
console.log(report.bare, report.invalidation)
const readme = new URL('README.md', root)
await writeFile(readme, withPeerFigures(await readFile(readme, 'utf8'), report))
redis.disconnect()
await server.stop()
