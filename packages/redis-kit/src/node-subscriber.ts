import type { ClusterClient, RedisClient } from './client.js'

/** A connection that is lost ends for good: the next one goes to another node. */
const subscriberOptions = {
  lazyConnect: true,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  retryStrategy: null,
  socketTimeout: undefined,
  disconnectTimeout: 100,
}

/**
 * A connection for subscriptions to one node of a Cluster: what is published at any node arrives at all.
 * The Cluster client's own subscriber changes its node without a word, and nobody would know that
 * messages were missed.
 *
 * @returns Undefined while no node is connected.
 */
export function openNodeSubscriber(client: ClusterClient): RedisClient | undefined {
  const nodes = client.nodes('master').filter(({ status }) => status === 'ready')
  return nodes[Math.floor(Math.random() * nodes.length)]?.duplicate(subscriberOptions)
}
