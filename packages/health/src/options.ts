import {
  checkOptions as checkAll,
  optionRule,
  type OptionRule,
  type OptionRules,
  type RedisOption,
} from '@stayfast/redis-kit'
import type { FastifyRequest } from 'fastify'
import { checkThresholds, type CheckedThresholds, type Thresholds } from './alarms/thresholds.js'
import { HealthOptionError } from './errors.js'
import { shutdownSignals, type ShutdownSignal } from './shutdown/signal-handlers.js'

/** Says whether someone may see more than the public; may be async. */
export type LetsIn = (request: FastifyRequest) => boolean | Promise<boolean>

/** Options of the plugin. All have defaults. */
export interface HealthOptions {
  /**
   * Which Redis: a link, a client of the app, the name of an \@fastify/redis namespace, or `false` for
   * none. Without it: `app.redisConnection`, then `app.redis`, then none.
   */
  readonly redis?: RedisOption
  /** Use a client of the app itself instead of a duplicate of it. Saves a connection, weakens the promises. */
  readonly share?: boolean
  /** Of `app.redisConnection`: the roles that are watched. Name those that have a server of their own. */
  readonly roles?: readonly string[]
  /** Name of the decorator on the app. */
  readonly decorateAs?: string
  /** Path, or `false` for none. */
  readonly healthRoute?: string | false
  /** Path, or `false` for none. */
  readonly livenessRoute?: string | false
  /** Path, or `false` for none. */
  readonly readinessRoute?: string | false
  /** Path of the Prometheus metrics, or `false` for none. Left out where the app has such a route already. */
  readonly metricsRoute?: string | false
  /** Who sees the details on the health route. */
  readonly detailsFor?: LetsIn
  /** Who sees the metrics on their route. */
  readonly metricsFor?: LetsIn
  /** Status code of the health route while the app is degraded. */
  readonly degradedStatusCode?: 200 | 503
  /** Not ready without Redis: takes every instance out at once, so only where nothing works without it. */
  readonly readyNeedsRedis?: boolean
  /** Ready when this has resolved, such as after a cache was warmed. */
  readonly readyAfter?: () => Promise<unknown>
  /** Milliseconds between two samples of Redis. */
  readonly sampleEveryMs?: number
  /** The same where commands are billed. */
  readonly sampleBilledEveryMs?: number
  /** Milliseconds between two runs of the app's own checks. */
  readonly checkEveryMs?: number
  /** Beyond which values an alarm is raised. */
  readonly thresholds?: Thresholds
  /** Commands that this process may send to Redis in 30 days; `false` for no limit. `REDIS_COMMAND_BUDGET` without it. */
  readonly commandBudget?: number | false
  /** Signals after which the app shuts down in order and the process ends; `false` for none. */
  readonly signals?: readonly ShutdownSignal[] | false
  /** Milliseconds in which the app answers on while readiness is 503. With SIGINT none. */
  readonly drainDelayMs?: number
  /** Milliseconds that requests under way have, then they are cut off. */
  readonly requestsWithinMs?: number
  /** Milliseconds that everything else has: workers, buffered writes, Redis. */
  readonly closeWithinMs?: number
}

type OptionWithoutDefault = 'redis' | 'readyAfter'

/** {@link HealthOptions} with the defaults filled in. */
export type CheckedOptions = Required<Omit<HealthOptions, OptionWithoutDefault | 'thresholds'>> &
  Pick<HealthOptions, OptionWithoutDefault> & { readonly thresholds: CheckedThresholds }

type Defaults = Omit<CheckedOptions, OptionWithoutDefault | 'thresholds'>

const nobody: LetsIn = () => false
const everybody: LetsIn = () => true

/** What holds where an option is not given. */
export const defaultOptions: Readonly<Defaults> = Object.freeze({
  share: false,
  roles: ['default'],
  decorateAs: 'healthChecks',
  healthRoute: '/api/v1/health',
  livenessRoute: '/livez',
  readinessRoute: '/readyz',
  metricsRoute: false,
  detailsFor: nobody,
  metricsFor: everybody,
  degradedStatusCode: 200,
  readyNeedsRedis: false,
  sampleEveryMs: 5000,
  sampleBilledEveryMs: 300_000,
  checkEveryMs: 10_000,
  commandBudget: false,
  signals: false,
  drainDelayMs: 5000,
  requestsWithinMs: 10_000,
  closeWithinMs: 5000,
} satisfies Defaults)

const longestMs = 3_600_000
const milliseconds = optionRule.wholeNumber(0, longestMs)
/** Also of the shutdown that is given a delay of its own. */
export const drainDelayRule: OptionRule = milliseconds

const path: OptionRule = {
  wants: 'a path that begins with /, or false',
  accepts: (value) => value === false || (typeof value === 'string' && value.startsWith('/')),
}

function listOf(wants: string, accepts: (value: string) => boolean): OptionRule {
  return {
    wants,
    accepts: (value) =>
      Array.isArray(value) && value.every((each) => typeof each === 'string' && accepts(each)),
  }
}

const signals = listOf('a list of signals such as SIGTERM, or false', (each) =>
  shutdownSignals.some((signal) => signal === each),
)

const rules: OptionRules<HealthOptions> = {
  redis: optionRule.redis,
  share: optionRule.yesOrNo,
  roles: listOf('a list of roles', (each) => each !== ''),
  decorateAs: optionRule.name,
  healthRoute: path,
  livenessRoute: path,
  readinessRoute: path,
  metricsRoute: path,
  detailsFor: optionRule.callable,
  metricsFor: optionRule.callable,
  degradedStatusCode: { wants: '200 or 503', accepts: (value) => value === 200 || value === 503 },
  readyNeedsRedis: optionRule.yesOrNo,
  readyAfter: optionRule.callable,
  sampleEveryMs: optionRule.wholeNumber(100, longestMs),
  sampleBilledEveryMs: optionRule.wholeNumber(1000, longestMs),
  checkEveryMs: optionRule.wholeNumber(100, longestMs),
  // An object; what is in it is checked by its own rules.
  thresholds: { wants: 'an object', accepts: (value) => typeof value === 'object' && value !== null },
  commandBudget: {
    wants: 'a whole number of commands of at least 1, or false',
    accepts: (value) => value === false || optionRule.wholeNumber(1).accepts(value),
  },
  signals: { wants: signals.wants, accepts: (value) => value === false || signals.accepts(value) },
  drainDelayMs: drainDelayRule,
  requestsWithinMs: milliseconds,
  closeWithinMs: milliseconds,
}

/**
 * Fills in the defaults. An option that is `undefined` counts as not given.
 *
 * @param environment - Where `REDIS_COMMAND_BUDGET` stands.
 * @throws STAY_HEALTH_OPTION_INVALID for an option that does not exist or cannot have its value.
 */
export function checkOptions(
  options: HealthOptions,
  environment: Readonly<Record<string, string | undefined>> = {},
): CheckedOptions {
  const refuse = (message: string): Error => new HealthOptionError(message)
  const { thresholds, ...given } = checkAll('health', options, rules, refuse)
  return {
    ...defaultOptions,
    commandBudget: budgetOf(environment['REDIS_COMMAND_BUDGET']),
    ...given,
    thresholds: checkThresholds(thresholds ?? {}),
  }
}

/** Empty means unset, as with all variables. */
function budgetOf(text: string | undefined): number | false {
  if (text === undefined || text.trim() === '') return false
  const budget = Number(text)
  if (Number.isSafeInteger(budget) && budget >= 1) return budget
  throw new HealthOptionError(
    'REDIS_COMMAND_BUDGET takes a whole number of commands in 30 days, such as 500000, or nothing.',
  )
}
