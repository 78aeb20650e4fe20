import { createError, type FastifyErrorConstructor } from '@fastify/error'

type Text = [text: string, options?: { cause: unknown }]

/** An option that does not exist or has a value it cannot have. Thrown at registration. */
export const HealthOptionError: FastifyErrorConstructor<{ code: string }, Text> = createError<string, Text>(
  'STAY_HEALTH_OPTION_INVALID',
  '%s',
  500,
)

/** A check that cannot be added: there is one of that name, or a part of it is missing. */
export const HealthCheckInvalidError: FastifyErrorConstructor<{ code: string }, Text> = createError<
  string,
  Text
>('STAY_HEALTH_CHECK_INVALID', 'The check cannot be added: %s.', 500)

/** A check that had no answer within its `timeoutMs`. Seen in the log only. */
export const HealthCheckTimeoutError: FastifyErrorConstructor<
  { code: string },
  [name: string, timeoutMs: number]
> = createError<string, [name: string, timeoutMs: number]>(
  'STAY_HEALTH_CHECK_TIMEOUT',
  'The check "%s" had no answer within %d ms: find out what it waits for, or raise its timeoutMs.',
  503,
)

/** A check that answered `false`. Seen in the log only. */
export const HealthCheckFailedError: FastifyErrorConstructor<{ code: string }, [name: string]> = createError<
  string,
  [name: string]
>('STAY_HEALTH_CHECK_FAILED', 'The check "%s" answered false.', 503)

/** The route of the metrics is there for those whom `metricsFor` lets in. */
export const MetricsDeniedError: FastifyErrorConstructor<{ code: string }, []> = createError<string, []>(
  'STAY_HEALTH_METRICS_DENIED',
  'The metrics are not for everybody: send what the option metricsFor asks for.',
  403,
)
