import { isIP } from 'node:net'
import type { AddressFamily, Endpoint } from './connection-url.js'

/**
 * How a server is recognised; every part that is there must hold. Suffixes match whole labels only:
 * `upstash.io` matches `x.upstash.io`, never `notupstash.io` or `upstash.io.example.com`.
 */
interface HostPattern {
  readonly suffixes?: readonly string[]
  /** How the first label begins. */
  readonly prefix?: string
  readonly firstLabelEnds?: readonly string[]
  /** A label that stands somewhere in the name. */
  readonly label?: string
  /** Host names without a dot: private networks' short names. */
  readonly dotless?: true
  /** This machine. */
  readonly local?: true
  /** Only where TLS was asked for. */
  readonly tls?: true
  /** Only where this variable is set: the app runs on that platform. */
  readonly variable?: string
}

/**
 * - `required`: nothing else is spoken; overrules `redis://` and `REDIS_TLS=false`
 * - `preferred`: the provider's default; overrules `redis://`, yields to `REDIS_TLS=false`
 * - `forbidden`: the private network speaks plain; TLS that was asked for is kept, with a warning
 * - `by-scheme`: what the URL says
 */
export type TlsRule = 'required' | 'preferred' | 'forbidden' | 'by-scheme'

/** One provider of Redis, and the settings that follow from it. */
export interface Provider {
  readonly id: ProviderId
  readonly name: string
  readonly tls: TlsRule
  /** Whether its certificate can be checked against the public authorities (or a CA that is given). */
  readonly verify: boolean
  readonly family: AddressFamily
  /** How many databases SELECT reaches; `'unknown'` is found out after connecting. */
  readonly databases: number | 'unknown'
  /** Every command costs money: no heartbeat each second, no optional handshake commands. */
  readonly billedByCommand: boolean
  readonly connectTimeoutMs: { readonly boot: number; readonly reconnect: number }
  /** Time between two PINGs of an idle connection. */
  readonly heartbeatMs: number | false
  readonly topology: 'single' | 'cluster' | 'unknown'
  /** What an operator should know; shown with diagnoses. */
  readonly notes: readonly string[]
}

/** Who runs the Redis: each has its own TLS, databases and heartbeat; `'unknown'` takes the safe ones. */
export type ProviderId =
  | 'upstash'
  | 'vercel-kv'
  | 'render'
  | 'railway'
  | 'elasticache'
  | 'memorydb'
  | 'azure'
  | 'azure-managed'
  | 'redis-cloud'
  | 'aiven'
  | 'digitalocean'
  | 'scaleway'
  | 'dragonfly-cloud'
  | 'heroku'
  | 'local'
  | 'unknown'

interface ProviderRow extends Provider {
  readonly match: HostPattern
}

const near = { boot: 5000, reconnect: 1500 }
const far = { boot: 10_000, reconnect: 5000 }
// A free database that sleeps answers its first handshake late.
const sleepy = { boot: 30_000, reconnect: 5000 }

const base = {
  tls: 'by-scheme',
  verify: true,
  family: 0,
  databases: 'unknown',
  billedByCommand: false,
  connectTimeoutMs: far,
  // With a deadline of 1 s this notices a frozen server within 2 s.
  heartbeatMs: 800,
  topology: 'unknown',
  notes: [],
} as const satisfies Partial<Provider>

const upstash = {
  ...base,
  databases: 1,
  billedByCommand: true,
  // A PING each second is 2.6 million commands a month; the free plan has 500,000.
  heartbeatMs: 60_000,
  connectTimeoutMs: sleepy,
  topology: 'single',
} as const satisfies Partial<Provider>

const AMAZON_CACHE = ['cache.amazonaws.com', 'cache.amazonaws.com.cn']

const rows: readonly ProviderRow[] = [
  {
    ...upstash,
    id: 'upstash',
    name: 'Upstash on Fly',
    match: { suffixes: ['upstash.io'], prefix: 'fly-' },
    // fly.io/docs/upstash/redis: the private IPv6 network of the organization, without TLS.
    tls: 'forbidden',
    notes: ['Reachable only from inside the Fly organization, over its private network.'],
  },
  {
    ...upstash,
    id: 'upstash',
    name: 'Upstash',
    match: { suffixes: ['upstash.io'] },
    // upstash.com/docs/redis/howto/connectclient: TLS is always on and cannot be disabled.
    tls: 'required',
    notes: [
      'Has one database: roles are separated by prefix.',
      'The read-only token needs the user default_ro.',
    ],
  },
  {
    ...upstash,
    id: 'vercel-kv',
    name: 'Vercel KV',
    match: { suffixes: ['kv.vercel-storage.com'] },
    tls: 'required',
    notes: ['KV_URL is the redis URL; KV_REST_API_URL is not.'],
  },
  {
    ...base,
    id: 'render',
    name: 'Render (internal)',
    match: { dotless: true, prefix: 'red-' },
    tls: 'forbidden',
    connectTimeoutMs: near,
    topology: 'single',
    notes: ['The internal URL works only from services of the same account and region.'],
  },
  {
    ...base,
    id: 'render',
    name: 'Render',
    match: { suffixes: ['render.com'], firstLabelEnds: ['-keyvalue', '-redis'] },
    tls: 'required',
    topology: 'single',
    notes: ['External connections are refused until the address is on the access control list.'],
  },
  {
    ...base,
    id: 'railway',
    name: 'Railway (private network)',
    match: { suffixes: ['railway.internal'] },
    tls: 'forbidden',
    connectTimeoutMs: near,
    // docs.railway.com/private-networking: IPv6 only in environments made before 16 October 2025, both since.
    family: 0,
    notes: ['The private network exists only inside the project, and not while it is being built.'],
  },
  {
    ...base,
    id: 'railway',
    name: 'Railway (public proxy)',
    match: { suffixes: ['proxy.rlwy.net'] },
    notes: ['Inside the project the private URL (railway.internal) is faster and free of charge.'],
  },
  {
    ...base,
    id: 'elasticache',
    name: 'ElastiCache Serverless',
    match: { suffixes: AMAZON_CACHE, label: 'serverless' },
    // docs.aws.amazon.com/AmazonElastiCache: serverless caches run in cluster mode with TLS, always.
    tls: 'required',
    databases: 1,
    topology: 'cluster',
    notes: ['Evicts by volatile-lru, which cannot be changed: unfit for queues.'],
  },
  {
    ...base,
    id: 'elasticache',
    name: 'ElastiCache (cluster)',
    // docs.aws.amazon.com/AmazonElastiCache: clusters with TLS have endpoints of another form than those without.
    match: { suffixes: AMAZON_CACHE, prefix: 'clustercfg.' },
    tls: 'preferred',
    databases: 1,
    connectTimeoutMs: near,
    topology: 'cluster',
  },
  {
    ...base,
    id: 'elasticache',
    name: 'ElastiCache (cluster)',
    match: { suffixes: AMAZON_CACHE, label: 'clustercfg' },
    databases: 1,
    connectTimeoutMs: near,
    topology: 'cluster',
  },
  {
    ...base,
    id: 'elasticache',
    name: 'ElastiCache',
    match: { suffixes: AMAZON_CACHE, prefix: 'master.' },
    tls: 'preferred',
    connectTimeoutMs: near,
    topology: 'single',
  },
  {
    ...base,
    id: 'elasticache',
    name: 'ElastiCache',
    match: { suffixes: AMAZON_CACHE },
    connectTimeoutMs: near,
  },
  {
    ...base,
    id: 'memorydb',
    name: 'MemoryDB',
    match: { label: 'memorydb', suffixes: ['amazonaws.com', 'amazonaws.com.cn'] },
    tls: 'preferred',
    databases: 1,
    connectTimeoutMs: near,
    topology: 'cluster',
  },
  {
    ...base,
    id: 'azure',
    name: 'Azure Cache for Redis',
    match: { suffixes: ['redis.cache.windows.net'] },
    tls: 'preferred',
    notes: ['TLS is spoken on port 6380.'],
  },
  {
    ...base,
    id: 'azure-managed',
    name: 'Azure Managed Redis',
    match: { suffixes: ['redis.azure.net'] },
    tls: 'preferred',
    databases: 1,
    notes: ['It is spoken to on port 10000.'],
  },
  {
    ...base,
    id: 'redis-cloud',
    name: 'Redis Cloud',
    match: { suffixes: ['redislabs.com', 'redis-cloud.com'] },
    // redis.io/docs: SELECT is accepted for compatibility and does nothing, so that a probe would be fooled.
    databases: 1,
    notes: ['The free plan allows 30 connections.'],
  },
  { ...base, id: 'aiven', name: 'Aiven', match: { suffixes: ['aivencloud.com'] } },
  {
    ...base,
    id: 'digitalocean',
    name: 'DigitalOcean',
    match: { suffixes: ['db.ondigitalocean.com'] },
    tls: 'preferred',
  },
  {
    ...base,
    id: 'scaleway',
    name: 'Scaleway',
    match: { suffixes: ['scw.cloud'] },
    notes: ['Its certificate is signed by an authority of its own: download it and set REDIS_TLS_CA.'],
  },
  { ...base, id: 'dragonfly-cloud', name: 'Dragonfly Cloud', match: { suffixes: ['dragonflydb.cloud'] } },
  {
    ...base,
    id: 'heroku',
    name: 'Heroku',
    match: {
      suffixes: ['compute-1.amazonaws.com', 'compute.amazonaws.com'],
      tls: true,
      variable: 'DYNO',
    },
    // devcenter.heroku.com/articles/connecting-heroku-redis: self-signed, with no authority to check it by.
    verify: false,
    connectTimeoutMs: near,
    topology: 'single',
    // help.heroku.com/TLWJY0PU: idle connections are closed after 300 s.
    notes: ['Idle connections are closed after 300 seconds.'],
  },
  {
    ...base,
    id: 'local',
    name: 'local',
    match: { local: true },
    connectTimeoutMs: near,
  },
  { ...base, id: 'unknown', name: 'Redis', match: {}, connectTimeoutMs: near },
]

/** The rows in the order of matching, a row a provider or a variant of it. */
export const providerTable: readonly Provider[] = Object.freeze(rows.map((row) => Object.freeze(row)))

/** Every id, each once. */
export const providerIds: readonly ProviderId[] = Object.freeze([...new Set(rows.map((row) => row.id))])

/** What the table is asked about. */
export interface ProviderQuestion {
  readonly endpoint: Endpoint
  /** Whether TLS was asked for, by the scheme or by a setting. */
  readonly tls: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  /** Takes this provider whatever the host is called; of several variants the one that matches the host. */
  readonly id?: ProviderId | undefined
}

/** The first row that matches; the last matches everything. */
export function findProvider(question: ProviderQuestion): Provider {
  const { id } = question
  const candidates = id === undefined ? rows : rows.filter((row) => row.id === id)
  const match = candidates.find((row) => matches(row.match, question)) ?? candidates.at(-1) ?? rows.at(-1)
  if (match === undefined) throw new Error('The provider table is empty.')
  return match
}

function matches(pattern: HostPattern, { endpoint, tls, env }: ProviderQuestion): boolean {
  if (pattern.local === true) return isLocal(endpoint)
  if (endpoint.path !== undefined) return Object.keys(pattern).length === 0
  const host = endpoint.host.toLowerCase().replace(/\.$/, '')
  const { suffixes, prefix, firstLabelEnds, label } = pattern
  const [firstLabel = ''] = host.split('.')
  return (
    (suffixes === undefined || suffixes.some((suffix) => host === suffix || host.endsWith(`.${suffix}`))) &&
    (prefix === undefined || host.startsWith(prefix)) &&
    (firstLabelEnds === undefined || firstLabelEnds.some((end) => firstLabel.endsWith(end))) &&
    (label === undefined || host.split('.').includes(label)) &&
    (pattern.dotless !== true || !host.includes('.')) &&
    (pattern.tls !== true || tls) &&
    (pattern.variable === undefined || (env[pattern.variable] ?? '') !== '')
  )
}

function isLocal(endpoint: Endpoint): boolean {
  if (endpoint.path !== undefined) return true
  const host = endpoint.host.toLowerCase()
  if (host === 'localhost' || host.endsWith('.localhost') || host === '::1') return true
  return isIP(host) === 4 && host.startsWith('127.')
}
