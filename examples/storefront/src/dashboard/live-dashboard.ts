import type { HealthChecks } from '@stayfast/health'
import type { RedisConnection } from '@stayfast/redis-connection'
import type { Sessions } from '@stayfast/session'
import type { TaggedCache } from '@stayfast/tagged-cache'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { LinkHistory } from './link-history.js'
import { type CommonFigures, commonFigures, reportFor } from './live-report.js'
import { liveRoutes } from './live-routes.js'
import { LiveStreams } from './live-streams.js'
import type { RequestWatch } from './request-watch.js'
import { WebhookWatch } from './webhook-numbers.js'

declare module 'fastify' {
  interface FastifyInstance {
    liveStreams: LiveStreams<CommonFigures>
  }
}

/** What the live panel is fed with. */
export interface LiveDashboardParts {
  redis: Pick<RedisConnection, 'provider' | 'facts' | 'link'>
  health: Pick<HealthChecks, 'snapshot'>
  cache: Pick<TaggedCache, 'stats'>
  requests: RequestWatch
  sessions: Pick<Sessions, 'requireAuth' | 'list'>
}

/** The live part of the dashboard: decorates `app.liveStreams`, and serves them. */
export const liveDashboard: FastifyPluginAsync<LiveDashboardParts> = fp(register, {
  name: 'storefront-live-dashboard',
  fastify: '5.x',
})

async function register(app: FastifyInstance, parts: LiveDashboardParts): Promise<void> {
  const { redis, health, cache, requests, sessions } = parts
  const webhooks = new WebhookWatch(() => (app.hasDecorator('webhooks') ? app.webhooks : undefined))
  let wasUp = true
  const history = new LinkHistory(redis.link(), () => {
    const isUp = history.report.status === 'up'
    streams.tell()
    // Who is signed in where could not be told while Redis was away.
    if (isUp !== wasUp) streams.allSessionsChanged()
    wasUp = isUp
  })
  const streams = new LiveStreams<CommonFigures>({
    attend: () => requests.commands.watch(),
    common: () => commonFigures({ redis, history, health, cache, requests, webhooks }),
    figuresFor: (common, viewer) => reportFor(common, requests, viewer),
    onError: (error) => {
      app.log.warn({ err: error }, 'the live figures could not be told')
    },
  })
  app.decorate('liveStreams', streams)
  app.addHook('onClose', (_app, done) => {
    history.close()
    done()
  })
  await app.register(liveRoutes, { sessions, streams })
}
