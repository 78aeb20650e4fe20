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
import { withPeerFigures, type PeerResult, type PeersReport, type Sample } from './peers-report.js'

/**
 * The cache against its peers and against the bare way, in one run on one server: hits in memory, hits
 * in Redis with a cold memory, misses with what is stored of them. Writes JSON to bench/results and the
 * figures into the README.
 *
 * Each measurement is cut into slices, and the bare way is measured between them: what else the machine
 * does meanwhile slows both down. What is compiled while it runs for the first time is not what is
 * measured: a round comes before those that count. Each round begins with another peer.
 */
const warmUps = 1
const runs = 7
const slices = 8
const hitsPerSlice = 20_000
const readsPerSlice = 500
const missesPerSlice = 400
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

type Work = (index: number) => Promise<unknown>

/** Milliseconds for so many, one behind the other. */
async function inTurn(count: number, work: Work): Promise<number> {
  const startedMs = performance.now()
  for (let index = 0; index < count; index += 1) await work(index)
  return performance.now() - startedMs
}

/** Milliseconds for those from here to there, many at a time. */
async function atOnce(from: number, count: number, work: Work): Promise<number> {
  let next = from
  const worker = async (): Promise<void> => {
    while (next < from + count) {
      next += 1
      await work(next)
    }
  }
  const startedMs = performance.now()
  await Promise.all(Array.from({ length: concurrency }, worker))
  return performance.now() - startedMs
}

/** Slices of both, one behind the other; operations per second. */
async function compare(
  perSlice: number,
  own: (from: number) => Promise<number>,
  bare: (from: number) => Promise<number>,
): Promise<Sample> {
  let [ownMs, bareMs] = [0, 0]
  for (let slice = 0; slice < slices; slice += 1) {
    bareMs += await bare(slice * perSlice)
    ownMs += await own(slice * perSlice)
  }
  const perSecond = (ms: number): number => Math.round((1000 * slices * perSlice) / ms)
  return { own: perSecond(ownMs), bare: perSecond(bareMs) }
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
  readonly localHit: Sample[]
  readonly redisHit: Sample[]
  readonly missAndSet: Sample[]
}
const samplesOf = new Map<string, Samples>()

const map = new Map(Array.from({ length: 100 }, (_, index) => [`k${index}`, value]))
// eslint-disable-next-line @typescript-eslint/require-await -- the bare way is an async function
const readMap = async (key: string): Promise<unknown> => map.get(key)

const getAndParse: Work = async (index) => {
  const found: unknown = JSON.parse((await redis.get(`bare:${index}`)) ?? 'null')
  return found
}

async function fillBare(): Promise<void> {
  for (let index = 1; index <= slices * readsPerSlice + concurrency; index += 1) {
    await redis.set(`bare:${index}`, valueText, 'EX', ttlSeconds)
  }
}

async function measure(peer: Peer, samples: Samples): Promise<void> {
  unique += 1
  const run = unique
  const writer = await peer.open(server.url)
  const reader = await peer.open(server.url)
  try {
    if (peer.hasMemory) samples.localHit.push(await measureMemory(writer, run))
    if (!peer.hasRedis) return
    if (peer.hasMemory) {
      const last = slices * readsPerSlice + concurrency
      for (let from = 1; from <= last; from += 500) {
        await Promise.all(
          Array.from({ length: 500 }, (_, index) => writer.getOrSet(`read:${run}:${from + index}`, load)),
        )
      }
      await writer.settled?.()
      // The process has been running for a while: it knows its tags.
      await reader.getOrSet(`warm:${run}`, load)
      const fail = (): Promise<never> => Promise.reject(new Error('it was to be a hit'))
      const hit: Work = (index) => reader.getOrSet(`read:${run}:${index}`, fail)
      samples.redisHit.push(
        await compare(
          readsPerSlice,
          (from) => atOnce(from, readsPerSlice, hit),
          (from) => atOnce(from, readsPerSlice, getAndParse),
        ),
      )
    }
    samples.missAndSet.push(await measureMisses(reader, run))
  } finally {
    await writer.close()
    await reader.close()
  }
}

async function measureMemory(cache: PeerCache, run: number): Promise<Sample> {
  const keys = Array.from({ length: 100 }, (_, index) => `hit:${run}:${index}`)
  const bareKeys = [...map.keys()]
  for (const key of keys) await cache.getOrSet(key, load)
  const own: Work = (index) => cache.getOrSet(keys[index % 100] ?? '', load)
  // Slow ones need not be measured for as long.
  const perSecond = 2_000_000 / (await inTurn(2000, own))
  const count = Math.min(hitsPerSlice, Math.max(1000, Math.round(perSecond / 20)))
  return compare(
    count,
    () => inTurn(count, own),
    () => inTurn(count, (index) => readMap(bareKeys[index % 100] ?? '')),
  )
}

function measureMisses(cache: PeerCache, run: number): Promise<Sample> {
  const own: Work = (index) => cache.getOrSet(`miss:${run}:${index}`, load)
  const bare: Work = async (index) => {
    const key = `bare:miss:${run}:${index}`
    await redis.get(key)
    const loaded = await load()
    await redis.set(key, JSON.stringify(loaded), 'EX', ttlSeconds)
  }
  return compare(
    missesPerSlice,
    async (from) => {
      const startedMs = performance.now()
      await atOnce(from, missesPerSlice, own)
      // What is stored beside the answer counts as well.
      await cache.settled?.()
      return performance.now() - startedMs
    },
    (from) => atOnce(from, missesPerSlice, bare),
  )
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
  await engine.writes.invalidateTags(rootScope, ['taught'])
  const samples: number[] = []
  for (let run = 0; run < 21; run += 1) {
    await server.command('config', 'resetstat')
    await engine.writes.invalidateTags(rootScope, [tags[0] ?? ''])
    const stats = String(await server.command('info', 'commandstats'))
    samples.push(Number(/cmdstat_evalsha:calls=\d+,usec=(\d+)/.exec(stats)?.[1] ?? NaN))
  }
  await engine.close(0)
  await link.close()
  return { keys, redisUs: median(samples) }
}

for (let round = 1 - warmUps; round <= runs; round += 1) {
  await redis.flushall()
  await fillBare()
  const first = (round + warmUps) % peers.length
  for (const peer of [...peers.slice(first), ...peers.slice(0, first)]) {
    const samples = samplesOf.get(peer.name) ?? { localHit: [], redisHit: [], missAndSet: [] }
    if (round > 0) samplesOf.set(peer.name, samples)
    await measure(peer, samples)
    console.log(`${round > 0 ? `run ${round} of ${runs}` : 'warming up'}: ${peer.name}`)
  }
}

function multiple(samples: readonly Sample[]): number | undefined {
  const multiples = samples.map(({ own, bare }) => own / bare)
  return multiples.length === 0 ? undefined : Number(median(multiples).toFixed(4))
}

function bareOf(name: keyof Samples): number {
  return median([...samplesOf.values()].flatMap((samples) => samples[name].map(({ bare }) => bare)))
}

const results: PeerResult[] = []
for (const peer of peers) {
  const samples = samplesOf.get(peer.name)
  if (samples === undefined) throw new Error(`${peer.name} was not measured.`)
  results.push({
    name: peer.name,
    version: peer.package === undefined ? '' : await packageVersion(peer.package),
    localHit: multiple(samples.localHit),
    redisHit: multiple(samples.redisHit),
    missAndSet: multiple(samples.missAndSet),
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
    localHit: bareOf('localHit'),
    redisHit: bareOf('redisHit'),
    missAndSet: bareOf('missAndSet'),
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
