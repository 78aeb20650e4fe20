import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifySchema,
  RouteShorthandOptions,
} from 'fastify'
import { MetricsDeniedError } from '../errors.js'
import type { Metrics } from '../health-checks.js'
import type { HealthMonitor } from '../health-monitor.js'
import type { CheckedOptions } from '../options.js'
import { acceptsHealthJson, healthJsonType } from './accepts-health-json.js'
import { healthJson } from './health-json.js'

const json = 'application/json; charset=utf-8'

/** Probes come every few seconds: they are not logged, not limited (@fastify/rate-limit reads that), not cached. */
function about(summary: string): RouteShorthandOptions {
  return {
    logLevel: 'warn',
    config: { rateLimit: false },
    // For whoever describes the app's routes, such as @fastify/swagger, whose words these are.
    schema: Object.assign<FastifySchema, object>({}, { tags: ['status'], summary }),
  }
}

function send(reply: FastifyReply, statusCode: number, body: object, type = json): FastifyReply {
  // A text is sent as it is: no serializer that the app may have set for its own answers.
  return reply
    .code(statusCode)
    .header('cache-control', 'no-store')
    .header('content-type', type)
    .send(JSON.stringify(body))
}

/** Whoever cannot be recognised is a stranger; a probe does not fail over it. */
async function isLetIn(
  options: CheckedOptions,
  option: 'detailsFor' | 'metricsFor',
  request: FastifyRequest,
): Promise<boolean> {
  try {
    return await options[option](request)
  } catch (error) {
    request.log.warn({ err: error }, `health: ${option} failed; the public answer is given`)
    return false
  }
}

/** Puts the routes on the app, those that are wanted. None of them asks Redis anything. */
export function addHealthRoutes(
  app: FastifyInstance,
  monitor: HealthMonitor,
  options: CheckedOptions,
  metrics: () => Promise<Metrics>,
): void {
  const { healthRoute, livenessRoute, readinessRoute, metricsRoute, degradedStatusCode } = options

  if (healthRoute !== false) {
    const statusCodes = { ok: 200, degraded: degradedStatusCode, failing: 503 } as const
    app.get(healthRoute, about('Whether the app and its Redis are well'), async (request, reply) => {
      const letIn = await isLetIn(options, 'detailsFor', request)
      const health = monitor.public
      const details = letIn ? monitor.snapshot.details : undefined
      reply.header('vary', 'accept')
      if (acceptsHealthJson(request.headers.accept)) {
        return send(reply, statusCodes[health.status], healthJson(health, details), healthJsonType)
      }
      return send(reply, statusCodes[health.status], details === undefined ? health : { ...health, details })
    })
  }

  if (livenessRoute !== false) {
    // Nothing but this process: what all instances share would have all of them restarted at once.
    app.get(livenessRoute, about('Whether this process is alive'), (_request, reply) =>
      send(reply, 200, { status: 'ok' }),
    )
  }

  if (readinessRoute !== false) {
    app.get(readinessRoute, about('Whether this process wants traffic'), (_request, reply) => {
      const status = readiness(monitor, options)
      return send(reply, status === 'ready' ? 200 : 503, { status })
    })
  }

  if (metricsRoute !== false) {
    if (app.hasRoute({ method: 'GET', url: metricsRoute })) {
      app.log.info(`health: ${metricsRoute} belongs to another plugin; metrics are not added to it`)
      return
    }
    app.get(metricsRoute, about('Metrics for Prometheus'), async (request, reply) => {
      if (!(await isLetIn(options, 'metricsFor', request))) throw new MetricsDeniedError()
      const { contentType, text } = await metrics()
      return reply.header('cache-control', 'no-store').header('content-type', contentType).send(text)
    })
  }
}

function readiness(monitor: HealthMonitor, { readyNeedsRedis }: CheckedOptions): string {
  const { phase } = monitor
  if (phase !== 'ready') return phase
  const { status, redis } = monitor.public
  if (status === 'failing') return 'failing'
  return readyNeedsRedis && redis.status === 'unhealthy' ? 'waiting-for-redis' : 'ready'
}
