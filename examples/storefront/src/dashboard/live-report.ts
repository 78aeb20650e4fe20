import type { HealthChecks } from '@stayfast/health'
import type { RedisConnection } from '@stayfast/redis-connection'
import type { CacheStats, TaggedCache } from '@stayfast/tagged-cache'
import type { LinkHistory, LinkReport } from './link-history.js'
import type { RequestWatch, SeenLimit, SeenRequest } from './request-watch.js'
import type { WebhookNumbers, WebhookWatch } from './webhook-numbers.js'

/** What the panel "What Redis does for you" shows to one user. Names no host and no other user. */
export interface LiveReport {
  /** `'off'` where no Redis is configured. */
  status: 'ok' | 'degraded' | 'off'
  redis: LinkReport & { provider: string; server: string | null; latency: string | null }
  /** Of this process. */
  cache: Pick<CacheStats, 'hits' | 'misses' | 'hitRate' | 'totalKeys' | 'memoryUsage' | 'buffered'>
  commands: {
    perRequest: number | null
    perDay: number | null
    /** Part of the command budget that goes at this pace; null without a budget. */
    budgetUsed: number | null
  }
  limit: SeenLimit | null
  webhooks: WebhookNumbers | null
  requests: SeenRequest[]
}

/** What the report is made of. */
export interface LiveSources {
  redis: Pick<RedisConnection, 'provider' | 'facts'>
  history: LinkHistory
  health: Pick<HealthChecks, 'snapshot'>
  cache: Pick<TaggedCache, 'stats'>
  requests: RequestWatch
  webhooks: WebhookWatch
}

/** What is the same for everybody, as of one moment. */
export type CommonFigures = Omit<LiveReport, 'limit' | 'requests'>

export async function commonFigures(sources: LiveSources): Promise<CommonFigures> {
  const { redis, history, health, cache, requests } = sources
  const [stats, webhooks] = await Promise.all([cache.stats(), sources.webhooks.numbers()])
  const { hits, misses, hitRate, totalKeys, memoryUsage, buffered } = stats
  const snapshot = health.snapshot()
  const { usage } = snapshot.details
  const link = history.report
  const { facts } = redis
  return {
    status:
      link.status === 'off' ? 'off' : link.status === 'up' && snapshot.status === 'ok' ? 'ok' : 'degraded',
    redis: {
      ...link,
      provider: redis.provider.name,
      server: facts === undefined ? null : `${facts.engine} ${facts.version}`,
      latency: link.status === 'up' ? snapshot.redis.latency : null,
    },
    cache: { hits, misses, hitRate, totalKeys, memoryUsage, buffered },
    commands: {
      perRequest: requests.commandsPerRequest,
      // The health plugin meters where commands are billed or a budget is set.
      perDay: usage?.perDay ?? requests.commands.perDay,
      budgetUsed: usage?.budgetUsed ?? null,
    },
    webhooks,
  }
}

/** Adds what is for this user alone; an admin sees the requests of all. */
export function reportFor(
  common: CommonFigures,
  requests: RequestWatch,
  { userId, admin }: { userId: string; admin: boolean },
): LiveReport {
  return { ...common, limit: requests.limitOf(userId), requests: requests.last(admin ? undefined : userId) }
}
