import type { Role } from './options.js'
import type { ServerFacts } from './server-facts.js'

/**
 * An eviction policy belongs to a server, not to a database: caches want one, and what must not be lost
 * (sessions, instances, queues) must not have one.
 *
 * @param roles - The roles that live on the server.
 * @returns What an operator should know, or undefined when all is well.
 */
export function evictionAdvice(roles: readonly Role[], facts: ServerFacts): string | undefined {
  const { evictionPolicy, maxMemoryBytes } = facts
  if (evictionPolicy === undefined || maxMemoryBytes === undefined || maxMemoryBytes === 0) return undefined
  const precious = roles.filter((role) => role !== 'cache')
  if (evictionPolicy !== 'noeviction' && precious.length > 0) {
    return (
      `This server evicts keys when it is full (maxmemory-policy ${evictionPolicy}), and ${precious.join(', ')} must not lose any. ` +
      `Set maxmemory-policy noeviction, and give caches a server of their own with REDIS_CACHE_URL.`
    )
  }
  if (evictionPolicy === 'noeviction' && precious.length === 0) {
    return (
      'This server holds only caches and refuses writes when it is full (maxmemory-policy noeviction). ' +
      'Set maxmemory-policy allkeys-lru.'
    )
  }
  return undefined
}
