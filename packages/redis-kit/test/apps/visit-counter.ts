import {
  adoptClient,
  isRedisUnavailable,
  Keyspace,
  type RedisClient,
  type RedisLink,
} from '@stayfast/redis-kit'

export class VisitCounter {
  readonly link: RedisLink
  readonly #keys = new Keyspace(() => this.link.keyPrefix)

  constructor(client: RedisClient) {
    this.link = adoptClient(client, { name: 'visits' })
  }

  count(tenantId: string): Promise<number | undefined> {
    const counted = this.link.run((redis) => redis.call('INCR', this.#keys.key('visits', tenantId)))
    return counted.then(Number, (error: unknown) => {
      if (isRedisUnavailable(error)) return undefined // what to do then is the store's policy
      throw error
    })
  }
}
