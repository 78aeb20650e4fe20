import { eventually } from './eventually.js'
import { type RedisServer, startRedisServer, startServer } from './redis-server.js'
import type { ServerRole } from './server-role.js'
import type { TeardownHost } from './teardown.js'

export interface SentinelOptions {
  /** Asked by the servers, not by the sentinels. */
  password?: string
  /** A primary silent for this long counts as down; default 1000. */
  downAfterMs?: number
  /** Servers and sentinels with TLS only. */
  tls?: boolean
}

const defaults = Object.freeze({ downAfterMs: 1000 } satisfies SentinelOptions)
const primaryName = 'stayfast'
const replicaCount = 2
const sentinelCount = 3
const settleMs = 15_000
/**
 * A sentinel hears of the others every 2 s and asks the servers for their part every 10 s, which is how long a
 * failover takes to be over. A stall of a busy machine has it hold still ("tilt") for 30 s.
 */
const haste = { 'info-period': 250, 'publish-period': 250, 'ping-period': 250, 'tilt-period': 1000 }

/** Starts a primary, two replicas and three sentinels; resolves when all know of each other. */
export async function startSentinel(
  options: SentinelOptions = {},
  owner?: TeardownHost,
): Promise<SentinelRig> {
  const { password, downAfterMs, tls = false } = { ...defaults, ...options }
  const started: RedisServer[] = []
  // Whoever comes first stops what there is when one of them does not start.
  const keep = async (starting: Promise<RedisServer>): Promise<RedisServer> => {
    const server = await starting
    started.push(server)
    return server
  }
  const config = {
    ...(password === undefined ? {} : { masterauth: password }),
    // Any of them may become a replica.
    ...(tls ? { 'tls-replication': 'yes' } : {}),
  }
  const settings = { tls, config, ...(password === undefined ? {} : { password }) }
  try {
    const primary = await keep(startRedisServer(settings))
    const replicas = Array.from({ length: replicaCount }, () =>
      keep(startRedisServer({ ...settings, replicaOf: primary })),
    )
    const sentinels = Array.from({ length: sentinelCount }, () =>
      keep(startSentinelServer(primary, downAfterMs, tls, password)),
    )
    const rig = new SentinelRig([primary, ...(await all(replicas))], await all(sentinels))
    await rig.settle()
    owner?.teardown(() => rig.stop())
    return rig
  } catch (error) {
    await Promise.all(started.map((server) => server.stop()))
    throw error
  }
}

async function startSentinelServer(
  primary: RedisServer,
  downAfterMs: number,
  tls: boolean,
  password?: string,
): Promise<RedisServer> {
  const sentinel = await startServer({ tls }, sentinelRole(primary, downAfterMs, tls, password))
  // Redis before 7 has no such command; there everything takes its usual time.
  await sentinel.command('sentinel', 'debug', ...Object.entries(haste).flat()).catch(() => undefined)
  return sentinel
}

function sentinelRole(
  primary: RedisServer,
  downAfterMs: number,
  tls: boolean,
  password?: string,
): ServerRole {
  const lines = [
    ['sentinel', 'monitor', primaryName, primary.host, String(primary.port), String(sentinelCount - 1)],
    ['sentinel', 'down-after-milliseconds', primaryName, String(downAfterMs)],
    ['sentinel', 'failover-timeout', primaryName, String(3 * downAfterMs)],
    ...(password === undefined ? [] : [['sentinel', 'auth-pass', primaryName, password]]),
    ...(tls ? [['tls-replication', 'yes']] : []),
  ]
  return { args: ['--sentinel'], ready: /Sentinel ID is/, lines: () => Promise.resolve(lines) }
}

/** Waits for all of them, also when one fails, so that none is still starting when the rest is stopped. */
async function all<T>(work: Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(work)
  return Promise.all(work)
}

/** A primary with replicas, watched by sentinels that appoint another one when it goes. */
export class SentinelRig {
  /** What the sentinels call the primary. */
  readonly name: string = primaryName
  /** The servers with the data, whatever their part at the moment. */
  readonly nodes: readonly RedisServer[]
  readonly sentinels: readonly RedisServer[]

  /** Use `startSentinel`. */
  constructor(nodes: readonly RedisServer[], sentinels: readonly RedisServer[]) {
    this.nodes = nodes
    this.sentinels = sentinels
  }

  /** The server that the sentinels name as primary. */
  async primary(): Promise<RedisServer> {
    const [port] = await this.#primaryPorts()
    const primary = this.nodes.find((node) => node.port === port)
    if (!primary) throw new Error(`The sentinels name port ${port ?? 'none'}, which is none of this rig's.`)
    return primary
  }

  /** Appoints another primary, in order; resolves when every sentinel and every node knows. */
  async failover(): Promise<void> {
    const before = await this.primary()
    const sentinel = this.#awake(this.sentinels)[0]
    // Refused as long as no replica is known to be in good order.
    await eventually(() => sentinel?.command('sentinel', 'failover', primaryName), { withinMs: settleMs })
    await eventually(async () => (await this.#primaryPorts()).every((port) => port !== before.port), {
      withinMs: settleMs,
    })
    await this.settle()
  }

  /** Kills a node, by default the primary; the sentinels notice after a second and appoint another. */
  async kill(node?: RedisServer): Promise<void> {
    await (node ?? (await this.primary())).kill()
  }

  /** Freezes a node, by default the primary. */
  async freeze(node?: RedisServer): Promise<void> {
    ;(node ?? (await this.primary())).freeze()
  }

  /** Resolves when all that are awake agree on the primary, its replicas follow and a vote could be held. */
  async settle(): Promise<void> {
    const check = async (): Promise<boolean> => {
      const ports = new Set(await this.#primaryPorts())
      if (ports.size !== 1) return false
      const primary = await this.primary()
      const info = String(await primary.command('info', 'replication'))
      const online = info.match(/state=online/g)?.length ?? 0
      const views = await Promise.all(
        this.#awake(this.sentinels).map((sentinel) => this.#isComplete(sentinel)),
      )
      return /role:master/.test(info) && online === this.#awake(this.nodes).length - 1 && views.every(Boolean)
    }
    await eventually(check, { withinMs: settleMs, everyMs: 25 })
  }

  async stop(): Promise<void> {
    await Promise.all([...this.nodes, ...this.sentinels].map((server) => server.stop()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #isComplete(sentinel: RedisServer): Promise<boolean> {
    const quorum = String(await sentinel.command('sentinel', 'ckquorum', primaryName))
    const replicas = await sentinel.command('sentinel', 'replicas', primaryName)
    const good = Array.isArray(replicas)
      ? replicas.filter((replica) => fields(replica).get('flags') === 'slave')
      : []
    return (
      quorum.startsWith(`OK ${this.#awake(this.sentinels).length} usable`) &&
      good.length === this.#awake(this.nodes).length - 1
    )
  }

  #awake(servers: readonly RedisServer[]): RedisServer[] {
    return servers.filter((server) => server.awake)
  }

  #primaryPorts(): Promise<(number | undefined)[]> {
    return Promise.all(
      this.#awake(this.sentinels).map(async (sentinel) => {
        const address = await sentinel.command('sentinel', 'get-master-addr-by-name', primaryName)
        return Array.isArray(address) ? Number(address[1]) : undefined
      }),
    )
  }
}

/** Names and values in turn, as RESP2 has them. */
function fields(list: unknown): Map<string, string> {
  const flat: unknown[] = Array.isArray(list) ? list : []
  return new Map(
    flat.flatMap((name, index) => (index % 2 === 0 ? [[String(name), String(flat[index + 1])]] : [])),
  )
}
