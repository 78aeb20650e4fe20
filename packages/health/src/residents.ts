import type { RedisLink } from '@stayfast/redis-kit'
import type { FastifyInstance } from 'fastify'
import type { Holds } from './alarms/link-observations.js'

/** Plugins whose keys must not be evicted, and the role they live in. */
const data: readonly (readonly [plugin: string, role: string])[] = [
  ['@stayfast/tenant-instance-store', 'default'],
  ['@stayfast/session', 'default'],
  ['@stayfast/webhooks', 'queue'],
  ['@fastify/session', 'default'],
]

/** What is known by the names of plugins alone: those that do not report. */
export function residentsOf(app: FastifyInstance): (link: RedisLink) => Holds {
  return ({ name }) => {
    if (data.some(([plugin, role]) => role === name && app.hasPlugin(plugin))) return 'data'
    return name === 'cache' ? 'cache' : 'unknown'
  }
}
