import type { RedisClient } from '@stayfast/redis-kit'
import { ServerInfo } from './server-info.js'

interface NodeSource {
  nodes(role: 'master'): readonly RedisClient[]
}

function hasNodes(client: object): client is NodeSource {
  return 'isCluster' in client && client.isCluster === true && 'nodes' in client
}

/** What the servers behind a client said of themselves. */
export interface ServersRead {
  readonly infos: readonly ServerInfo[]
  /** Primaries of a Cluster that gave no answer: the keys that they hold are out of reach. */
  readonly silent: number
}

/**
 * Asks the server for INFO; on a Cluster each primary, because a command without a key goes to any of
 * them, and two samples of different nodes have nothing in common.
 *
 * @throws What the server answered; of a Cluster, when none gave an answer, what the first one did.
 */
export async function readServers(client: RedisClient): Promise<ServersRead> {
  if (!hasNodes(client)) return { infos: [new ServerInfo(await client.info())], silent: 0 }
  const replies = await Promise.allSettled(client.nodes('master').map((node) => node.info()))
  const infos = replies.flatMap((reply) =>
    reply.status === 'fulfilled' ? [new ServerInfo(reply.value)] : [],
  )
  const failed = replies.find((reply) => reply.status === 'rejected')
  if (infos.length === 0 && failed !== undefined) throw failed.reason
  // One whose connection is lost is no node any more, and still owns its slots.
  const known = Math.max(replies.length, ownersOf(client).size)
  return { infos, silent: known - infos.length }
}

/** The primaries that own slots, as the client saw them last; for each slot it lists the owner first. */
function ownersOf(client: object): ReadonlySet<unknown> {
  const slots: unknown = Reflect.get(client, 'slots')
  if (!Array.isArray(slots)) return new Set()
  const owners = new Set<unknown>()
  for (const nodes of slots) if (Array.isArray(nodes)) owners.add(nodes[0])
  return owners
}
