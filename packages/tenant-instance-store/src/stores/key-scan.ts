import { createHash } from 'node:crypto'
import { RedisUnavailableError, type RedisClient, type RedisLink } from '@stayfast/redis-kit'
import { decodeCursor, encodeCursor } from './page-cursor.js'

/**
 * Where a listing goes on. A SCAN cursor means something to one node only: when the masters are no
 * longer the ones the listing began with, it begins again, which may repeat keys and drops none.
 */
type Position = readonly [kind: 'redis', masters: string, node: number, scanCursor: string]

function isPosition(position: unknown): position is Position {
  if (!Array.isArray(position) || position.length !== 4) return false
  const parts: unknown[] = position
  const [kind, masters, node, scanCursor] = parts
  return (
    kind === 'redis' &&
    typeof masters === 'string' &&
    Number.isSafeInteger(node) &&
    Number(node) >= 0 &&
    typeof scanCursor === 'string' &&
    /^\d{1,20}$/.test(scanCursor)
  )
}

interface ClusterNode extends RedisClient {
  readonly options: { readonly host?: string; readonly port?: number }
}

interface ClusterClient extends RedisClient {
  nodes(role: 'master'): ClusterNode[]
}

function isClusterClient(client: RedisClient): client is ClusterClient {
  return 'nodes' in client && typeof client.nodes === 'function'
}

/** Each server that holds keys, in an order that stays, and what tells this set from another. */
function masters(client: RedisClient): { nodes: readonly RedisClient[]; fingerprint: string } {
  if (!isClusterClient(client)) return { nodes: [client], fingerprint: '' }
  const byName = new Map(
    client.nodes('master').map((node) => [`${node.options.host ?? ''}:${node.options.port ?? ''}`, node]),
  )
  const names = [...byName.keys()].sort()
  const nodes = names.flatMap((name) => byName.get(name) ?? [])
  return {
    nodes,
    fingerprint: createHash('sha256').update(names.join()).digest('base64url').slice(0, 12),
  }
}

/** What one SCAN looks at: few keys when most match, more and more when few do. */
const fewestPerStep = 10
const mostPerStep = 5000
/** Then the page ends, full or not, so that a listing never holds its caller for long. */
const mostSteps = 100

function scanReply(reply: unknown): { cursor: string; keys: readonly string[] } {
  if (Array.isArray(reply)) {
    const parts: unknown[] = reply
    const [cursor, keys] = parts
    if (Array.isArray(keys)) {
      return { cursor: String(cursor), keys: keys.filter((key): key is string => typeof key === 'string') }
    }
  }
  throw new TypeError('SCAN answered no keys.')
}

/**
 * One page of the keys that match a pattern, by SCAN on each master. SCAN's word holds: a key that is
 * there during the whole listing is returned.
 */
export async function scanKeys(
  link: RedisLink,
  pattern: string,
  { cursor, limit }: { readonly cursor: string | undefined; readonly limit: number },
): Promise<{ readonly keys: readonly string[]; readonly cursor: string | undefined }> {
  let position: Position = cursor === undefined ? ['redis', '', 0, '0'] : decodeCursor(cursor, isPosition)
  const keys = new Set<string>()
  let count = Math.max(limit, fewestPerStep)
  let looked = 0
  for (let step = 0; step < mostSteps && keys.size < limit; step += 1) {
    const next = await link.run((client) => scanStep(client, pattern, position, count))
    for (const key of next.keys) keys.add(key)
    if (next.position === undefined) return { keys: [...keys], cursor: undefined }
    position = next.position
    looked += count
    const wanted = keys.size === 0 ? count * 4 : Math.ceil(((limit - keys.size) * looked) / keys.size)
    count = Math.min(Math.max(wanted, fewestPerStep), mostPerStep)
  }
  return { keys: [...keys], cursor: encodeCursor(...position) }
}

async function scanStep(
  client: RedisClient,
  pattern: string,
  [, before, index, scanCursor]: Position,
  count: number,
): Promise<{ keys: readonly string[]; position: Position | undefined }> {
  const { nodes, fingerprint } = masters(client)
  const goesOn = before === fingerprint && index < nodes.length
  const at = goesOn ? index : 0
  const node = nodes[at]
  if (node === undefined) {
    throw new RedisUnavailableError('The cluster names no master that could be asked. Try again later.', {
      outcome: 'not-sent',
      status: 'down',
    })
  }
  const reply = scanReply(
    await node.call('SCAN', goesOn ? scanCursor : '0', 'MATCH', pattern, 'COUNT', count),
  )
  if (reply.cursor !== '0') return { keys: reply.keys, position: ['redis', fingerprint, at, reply.cursor] }
  const last = at + 1 >= nodes.length
  return { keys: reply.keys, position: last ? undefined : ['redis', fingerprint, at + 1, '0'] }
}
