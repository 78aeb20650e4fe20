import { checkOptions as checkAll, optionRule, type OptionRule, type OptionRules } from '@stayfast/redis-kit'
import type { FastifyRequest } from 'fastify'
import type { Algorithm } from './algorithms/limit.js'
import { RateLimitOptionError } from './errors.js'
import { windowMs } from './time-window.js'
import type { OnOutage } from './verdict.js'

/** Where in the life of a request it is counted. */
export type LimitHook = 'onRequest' | 'preParsing' | 'preValidation' | 'preHandler'

/** What `errorResponseBuilder` is told. */
export interface RefusalContext {
  /** 429, or 403 for a client that is banned. */
  readonly statusCode: number
  readonly ban: boolean
  /** In words, such as `'5 minutes'`. */
  readonly after: string
  readonly max: number
  /** Milliseconds until a request may be admitted. */
  readonly ttl: number
}

type Given<T> = T | Promise<T>

/** One limit. Those of \@fastify/rate-limit mean what they mean there. */
export interface PolicyOptions {
  /** Names the counter in Redis and in the headers; the same in all processes. */
  readonly name?: string
  /** Units per window; of a route or a tenant's plan by a function, which may be async. 0 lets nobody through. */
  readonly max?: number | ((request: FastifyRequest, key: string) => Given<number>)
  /** Milliseconds, or a text such as `'15 minutes'`. */
  readonly timeWindow?: number | string | ((request: FastifyRequest, key: string) => Given<number | string>)
  readonly algorithm?: Algorithm
  /** With `'gcra'`: units that may come at once; `max` by default. */
  readonly burst?: number
  /** Units that a request takes: a whole number, or a function, which may be async. */
  readonly cost?: number | ((request: FastifyRequest) => Given<number>)
  /** Whose requests are counted together; `undefined` or `null` for a request that this limit does not concern. */
  readonly keyGenerator?: (request: FastifyRequest) => Given<string | number | null | undefined>
  /** Length of the network prefix by which IPv6 clients are counted. */
  readonly ipv6Subnet?: number
  /** Keys, addresses and networks that are not counted, or a function, which may be async. */
  readonly allowList?: readonly string[] | ((request: FastifyRequest, key: string) => Given<boolean>)
  /** `'onRequest'` counts before the session is loaded; `'preParsing'` after it, for limits per user or tenant. */
  readonly hook?: LimitHook
  /** Routes with the same one share a counter. */
  readonly groupId?: string
  /** While Redis is away: this process's share of the limit, no limit, or 503. */
  readonly onOutage?: OnOutage
  /** The same as `onOutage: 'open'`. */
  readonly skipOnError?: boolean
  /** A client that goes on while it is refused waits a whole window from then on. */
  readonly continueExceeding?: boolean
  /** A client that goes on while it is refused waits twice as long each time. */
  readonly exponentialBackoff?: boolean
  /** A client that was refused more than so many times in a row by one process gets 403. */
  readonly ban?: number
  readonly onBanReach?: (request: FastifyRequest, key: string) => void
  readonly onExceeding?: (request: FastifyRequest, key: string) => void
  readonly onExceeded?: (request: FastifyRequest, key: string) => void
  /** Makes what is thrown for a refused request. */
  readonly errorResponseBuilder?: (request: FastifyRequest, context: RefusalContext) => object
}

/** Limits of one route, in place of those of the app. */
export interface RouteLimitOptions extends PolicyOptions {
  /** Further limits, in place of the app's `policies`. */
  readonly policies?: readonly PolicyOptions[]
}

const valueOrFunction = ({ wants, accepts }: OptionRule): OptionRule => ({
  wants: `${wants}, or a function`,
  accepts: (value) => typeof value === 'function' || accepts(value),
})

/** A name stands in a header: printable ASCII. */
const name: OptionRule = {
  wants: 'a text of 1 to 200 printable ASCII characters',
  accepts: (value) => typeof value === 'string' && /^[\x20-\x7e]{1,200}$/.test(value),
}

/** What each option of a policy takes. */
export const policyRules: OptionRules<PolicyOptions> = {
  name,
  max: valueOrFunction(optionRule.wholeNumber(0)),
  timeWindow: valueOrFunction({
    wants: "milliseconds above 0, or a text such as '15 minutes'",
    accepts: (value) => windowMs(value) !== undefined,
  }),
  algorithm: optionRule.oneOf('sliding-window', 'gcra', 'fixed-window'),
  burst: optionRule.wholeNumber(1),
  cost: valueOrFunction(optionRule.wholeNumber(0)),
  keyGenerator: optionRule.callable,
  ipv6Subnet: optionRule.wholeNumber(0, 128),
  allowList: valueOrFunction({
    wants: 'a list of keys, addresses and networks',
    accepts: (value) => Array.isArray(value) && value.every((entry) => typeof entry === 'string'),
  }),
  hook: optionRule.oneOf('onRequest', 'preParsing', 'preValidation', 'preHandler'),
  groupId: name,
  onOutage: optionRule.oneOf('local', 'open', 'closed'),
  skipOnError: optionRule.yesOrNo,
  continueExceeding: optionRule.yesOrNo,
  exponentialBackoff: optionRule.yesOrNo,
  // Below zero is how @fastify/rate-limit says never.
  ban: { wants: 'a whole number', accepts: (value) => Number.isSafeInteger(value) },
  onBanReach: optionRule.callable,
  onExceeding: optionRule.callable,
  onExceeded: optionRule.callable,
  errorResponseBuilder: optionRule.callable,
}

/** Makes the coded error of a message. */
export const refuseOption = (message: string): Error => new RateLimitOptionError(message)

/**
 * Refuses what cannot hold at the same time.
 *
 * @throws STAY_RATE_OPTION_INVALID
 */
export function refuseContradiction(of: string, { skipOnError, onOutage }: PolicyOptions): void {
  if (skipOnError !== true || onOutage === undefined || onOutage === 'open') return
  throw refuseOption(
    `The options of ${of} contradict each other: skipOnError: true is onOutage: 'open', and not '${onOutage}'.`,
  )
}

/**
 * Checks a list of policies.
 *
 * @throws STAY_RATE_OPTION_INVALID
 */
export function checkPolicies(policies: readonly PolicyOptions[]): readonly PolicyOptions[] {
  const names = new Set<string>()
  return policies.map((policy) => {
    const checked = checkAll('a policy of rate-limit', policy, policyRules, refuseOption)
    refuseContradiction('a policy of rate-limit', checked)
    if (checked.name === undefined) {
      throw refuseOption(
        'Each of the policies of rate-limit needs a name, which tells its counters from others.',
      )
    }
    if (names.has(checked.name)) {
      throw refuseOption(
        `Two policies of rate-limit are called "${checked.name}": they would count each request twice.`,
      )
    }
    names.add(checked.name)
    return checked
  })
}

/**
 * Checks the limits of a route.
 *
 * @throws STAY_RATE_OPTION_INVALID
 */
export function checkRouteOptions(options: RouteLimitOptions, route: string): RouteLimitOptions {
  const checked = checkAll(`config.rateLimit of ${route}`, options, routeRules, refuseOption)
  refuseContradiction(`config.rateLimit of ${route}`, checked)
  return checked.policies === undefined ? checked : { ...checked, policies: checkPolicies(checked.policies) }
}

/** What of a policy `createRateLimit` knows: it counts one unit, and leaves to the app what a refusal is. */
export type LimiterOptions = Omit<PolicyOptions, 'cost' | 'hook' | 'continueExceeding' | 'exponentialBackoff'>

/**
 * Checks the options of `createRateLimit`.
 *
 * @throws STAY_RATE_OPTION_INVALID
 */
export function checkLimiterOptions(options: LimiterOptions): LimiterOptions {
  const checked = checkAll('createRateLimit', options, limiterRules, refuseOption)
  refuseContradiction('createRateLimit', checked)
  return checked
}

const limiterRules: OptionRules<LimiterOptions> = {
  name,
  max: policyRules.max,
  timeWindow: policyRules.timeWindow,
  algorithm: policyRules.algorithm,
  burst: policyRules.burst,
  keyGenerator: policyRules.keyGenerator,
  ipv6Subnet: policyRules.ipv6Subnet,
  allowList: policyRules.allowList,
  groupId: name,
  onOutage: policyRules.onOutage,
  skipOnError: policyRules.skipOnError,
  ban: policyRules.ban,
  onBanReach: policyRules.onBanReach,
  onExceeding: policyRules.onExceeding,
  onExceeded: policyRules.onExceeded,
  errorResponseBuilder: policyRules.errorResponseBuilder,
}

/** A list that is checked by {@link checkPolicies}. */
export const policyList: OptionRule = { wants: 'a list of policies', accepts: Array.isArray }

const routeRules: OptionRules<RouteLimitOptions> = { ...policyRules, policies: policyList }
