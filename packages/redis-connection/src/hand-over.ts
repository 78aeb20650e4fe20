import fastifyRedis, { type FastifyRedisPluginOptions } from '@fastify/redis'
import type { FastifyInstance } from 'fastify'
import type { Cluster, Redis } from 'ioredis'

/**
 * Registers \@fastify/redis with a client that is ours, so that `app.redis` is there and plugins that
 * depend on \@fastify/redis find it.
 *
 * \@fastify/redis waits for a client that is not `ready`, and fails the start of the app after 10 s when
 * Redis is down. It looks at the status once, right after its options were asked for, so that is when
 * the client says `ready`; before anything else can run it says the truth again.
 */
export async function handOver(app: FastifyInstance, client: Redis | Cluster): Promise<void> {
  const options = (): FastifyRedisPluginOptions => {
    const { status } = client
    client.status = 'ready'
    queueMicrotask(() => {
      client.status = status
    })
    return { client: client as Redis, closeClient: false }
  }
  await app.register(fastifyRedis, options)
}
