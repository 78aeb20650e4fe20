import { eventually } from './eventually.js'
import { isBeforeRedis7 } from './find-redis-server.js'
import { freePort } from './free-port.js'
import { type RedisServer, startServer } from './redis-server.js'
import type { ServerRole } from './server-role.js'
import type { TeardownHost } from './teardown.js'

export interface ClusterOptions {
  tls?: boolean
  password?: string
  /** A node silent for this long counts as failed; default 1000. */
  nodeTimeoutMs?: number
}

interface Member {
  id: string
  /** Of the cluster's own bus: what is told of the other one depends on how the asker is connected. */
  busPort: number
  isPrimary: boolean
  /** The id of its primary. */
  follows: string
  isHealthy: boolean
}

const defaults = Object.freeze({ nodeTimeoutMs: 1000 } satisfies ClusterOptions)
const primaryCount = 3
const nodeCount = 2 * primaryCount
const slotCount = 16_384
const busPortOffset = 10_000
const settleMs = 20_000

/** Starts three primaries with a replica each; resolves when every slot is served and every replica in step. */
export async function startCluster(options: ClusterOptions = {}, owner?: TeardownHost): Promise<ClusterRig> {
  const { tls = false, password, nodeTimeoutMs } = { ...defaults, ...options }
  const secret = password === undefined ? {} : { password, config: { masterauth: password } }
  const busPorts = new Map<number, number>()
  const starting = Array.from({ length: nodeCount }, async () => {
    let busPort = 0
    const role: ServerRole = {
      args: [],
      ready: /Ready to accept connections/,
      lines: async (binary, port) => {
        // Redis 6 cannot be told which.
        const fixed = isBeforeRedis7(binary)
        busPort = fixed ? port + busPortOffset : await freePort()
        return [
          ['cluster-enabled', 'yes'],
          // Beside the data: a node that comes back empty is still that node.
          ['cluster-config-file', '../nodes.conf'],
          ['cluster-node-timeout', String(nodeTimeoutMs)],
          ...(fixed ? [] : [['cluster-port', String(busPort)]]),
          ...(tls ? [['tls-replication', 'yes']] : []),
        ]
      },
    }
    const server = await startServer({ tls, ...secret }, role)
    busPorts.set(server.port, busPort)
    return server
  })
  const outcomes = await Promise.allSettled(starting)
  const rig = new ClusterRig(
    outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : [])),
    busPorts,
  )
  owner?.teardown(() => rig.stop())
  try {
    await Promise.all(starting)
    await form(rig.nodes, busPorts)
    await rig.settle()
    return rig
  } catch (error) {
    await rig.stop()
    throw error
  }
}

/** What `redis-cli --cluster create` does, for a machine that has the server alone. */
async function form(nodes: readonly RedisServer[], busPorts: ReadonlyMap<number, number>): Promise<void> {
  const [first] = nodes
  for (const [index, node] of nodes.entries()) {
    await node.command('cluster', 'set-config-epoch', index + 1)
    if (index < primaryCount) {
      const start = Math.ceil((index * slotCount) / primaryCount)
      const end = Math.ceil(((index + 1) * slotCount) / primaryCount) - 1
      const slots = Array.from({ length: end - start + 1 }, (_, index) => start + index)
      await node.command('cluster', 'addslots', ...slots)
    }
    if (node !== first)
      await first?.command('cluster', 'meet', node.host, node.port, busPorts.get(node.port) ?? 0)
  }
  for (const [index, node] of nodes.entries()) {
    if (index < primaryCount) continue
    const primaryId = String(await nodes[index - primaryCount]?.command('cluster', 'myid'))
    // Refused until it has heard of its primary.
    await eventually(() => node.command('cluster', 'replicate', primaryId), {
      withinMs: settleMs,
      everyMs: 25,
    })
  }
}

/** A Redis Cluster of six nodes. */
export class ClusterRig {
  readonly nodes: readonly RedisServer[]
  readonly #busPorts: ReadonlyMap<number, number>

  /** Use `startCluster`. */
  constructor(nodes: readonly RedisServer[], busPorts: ReadonlyMap<number, number>) {
    this.nodes = nodes
    this.#busPorts = busPorts
  }

  /** The nodes that serve slots at the moment, as a node sees it that is alive. */
  async primaries(): Promise<RedisServer[]> {
    const members = await this.#members()
    return this.#serversOf(members.filter((member) => member.isPrimary && member.isHealthy))
  }

  /** The healthy replicas of a primary. */
  async replicasOf(primary: RedisServer): Promise<RedisServer[]> {
    const members = await this.#members()
    const id = members.find((member) => this.#is(primary, member))?.id
    return this.#serversOf(members.filter((member) => member.isHealthy && member.follows === id))
  }

  /** Has a replica take a primary's place, in order; resolves with the new primary when all nodes know. */
  async failover(primary?: RedisServer): Promise<RedisServer> {
    const target = primary ?? (await this.primaries())[0]
    const successor = target && (await this.replicasOf(target))[0]
    if (!successor) throw new Error('There is no healthy replica that could take over.')
    await successor.command('cluster', 'failover')
    await eventually(async () => (await this.primaries()).includes(successor), { withinMs: settleMs })
    await this.settle()
    return successor
  }

  /** Kills a node; its replica takes over when the others have missed it for the node timeout. */
  async kill(node: RedisServer): Promise<void> {
    await node.kill()
  }

  freeze(node: RedisServer): void {
    node.freeze()
  }

  /** Resolves when every node that is awake sees every slot served and the others that are awake healthy. */
  async settle(): Promise<void> {
    const check = async (): Promise<boolean> => {
      const living = this.nodes.filter((node) => node.awake)
      return (await Promise.all(living.map((node) => this.#isSettled(node, living)))).every(Boolean)
    }
    await eventually(check, { withinMs: settleMs, everyMs: 50 })
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #isSettled(node: RedisServer, living: readonly RedisServer[]): Promise<boolean> {
    const info = String(await node.command('cluster', 'info'))
    if (!/cluster_state:ok/.test(info)) return false
    const members = parseMembers(await node.command('cluster', 'nodes'))
    const healthy = members.filter((member) => member.isHealthy)
    if (!living.every((other) => healthy.some((member) => this.#is(other, member)))) return false
    const replication = String(await node.command('info', 'replication'))
    const self = members.find((member) => this.#is(node, member))
    const primaries = healthy.filter((member) => member.isPrimary).length
    if (primaries !== primaryCount) return false
    return self?.isPrimary === true || /master_link_status:up/.test(replication)
  }

  async #members(): Promise<Member[]> {
    const living = this.nodes.find((node) => node.awake)
    if (!living) throw new Error('No node of the cluster is awake.')
    return parseMembers(await living.command('cluster', 'nodes'))
  }

  #serversOf(members: readonly Member[]): RedisServer[] {
    return members.flatMap((member) => this.nodes.find((node) => this.#is(node, member)) ?? [])
  }

  #is(node: RedisServer, { busPort }: Member): boolean {
    return this.#busPorts.get(node.port) === busPort
  }
}

/** `id host:port@bus flags primary-id ping pong epoch link-state slots…`, a line per node. */
function parseMembers(reply: unknown): Member[] {
  return String(reply)
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [id = '', address = '', flags = '', follows = '', , , , link] = line.split(' ')
      return {
        id,
        busPort: Number(/@(\d+)/.exec(address)?.[1]),
        isPrimary: flags.includes('master'),
        follows,
        isHealthy: !/fail|handshake|noaddr/.test(flags) && link === 'connected',
      }
    })
}
