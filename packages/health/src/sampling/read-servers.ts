import type { RedisClient } from '@stayfast/redis-kit'
import { ServerInfo } from './server-info.js'

interface NodeSource {
  nodes(role: 'master'): readonly RedisClient[]
}

function hasNodes(client: object): client is NodeSource {
  return 'isCluster' in client && client.isCluster === true && 'nodes' in client
}

/**
 * Asks the server for INFO; on a Cluster each primary, because a command without a key goes to any of
 * them, and two samples of different nodes have nothing in common.
 *
 * @returns Of a Cluster those that answered.
 * @throws What the server answered; of a Cluster, when none gave an answer, what the first one did.
 */
export async function readServers(client: RedisClient): Promise<readonly ServerInfo[]> {
  if (!hasNodes(client)) return [new ServerInfo(await client.info())]
  const replies = await Promise.allSettled(client.nodes('master').map((node) => node.info()))
  const infos = replies.flatMap((reply) =>
    reply.status === 'fulfilled' ? [new ServerInfo(reply.value)] : [],
  )
  const failed = replies.find((reply) => reply.status === 'rejected')
  if (infos.length === 0 && failed !== undefined) throw failed.reason
  return infos
}
