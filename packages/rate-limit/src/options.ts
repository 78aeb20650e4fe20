import {
  checkOptions as checkAll,
  optionRule,
  type OptionRule,
  type OptionRules,
  type RedisOption,
} from '@stayfast/redis-kit'
import { isPathPattern } from './excluded-paths.js'
import {
  checkPolicies,
  policyList,
  policyRules,
  refuseContradiction,
  refuseOption,
  type PolicyOptions,
} from './policy-options.js'
import { longestMs } from './time-window.js'

/** Which headers tell a client of its limits. */
export type LimitHeaders = 'draft' | 'legacy' | 'both' | false

/** Version of draft-ietf-httpapi-ratelimit-headers: 11 since 08; 7; 6 for the three fields before. */
export type DraftVersion = 11 | 7 | 6

/** Options of the plugin. All have defaults. Those of a policy are those of the limit that holds for every route. */
export interface RateLimitOptions extends PolicyOptions {
  /** Whether anything is limited; `RATE_LIMIT_MAX=0` turns it off where `max` is not given. */
  readonly enabled?: boolean
  /** Limit all routes; `false` only those with `config.rateLimit`. */
  readonly global?: boolean
  /** Further limits, each with a name. A request must pass all. */
  readonly policies?: readonly PolicyOptions[]
  /** Paths that are not limited, such as `'/healthz'` or `'/webhooks/*'`. */
  readonly exclude?: readonly string[]
  readonly headers?: LimitHeaders
  readonly draftVersion?: DraftVersion
  /** As in \@fastify/rate-limit: the same as `headers: 'draft', draftVersion: 6`. */
  readonly enableDraftSpec?: boolean
  /** Headers that are left out of a refusal: those with `false`. */
  readonly addHeaders?: Readonly<Record<string, boolean>>
  /** Headers that are left out of other responses: those with `false`. */
  readonly addHeadersOnExceeding?: Readonly<Record<string, boolean>>
  /** Refuse with application/problem+json instead of Fastify's error shape. */
  readonly problemJson?: boolean
  /**
   * Which Redis: a link, a client of the app, the name of an \@fastify/redis namespace, or `false` for
   * memory. Without it: `app.redisConnection`, then `app.redis`, then memory.
   */
  readonly redis?: RedisOption
  /** Use a client of the app itself instead of a duplicate of it. Saves a connection, weakens the promises. */
  readonly share?: boolean
  /** Stands before each key, after the prefix of the connection, where there is one. */
  readonly nameSpace?: string
  /** Name of the decorator on the request. */
  readonly decorateRequestAs?: string
  /** Keys that this process remembers: as refused, and as counted while Redis is away or not there. */
  readonly cache?: number
  /** Redis counts again when it was reachable for so long without a break. */
  readonly returnAfterSeconds?: number
  /** Processes that share the limits, until Redis has told how many live. */
  readonly assumedInstances?: number
  /** Each process tells Redis so often that it lives; 60 by default where commands are billed. */
  readonly instancesEverySeconds?: number
  /** Sent as Retry-After with each 503. */
  readonly retryAfterSeconds?: number
}

type WithDefault =
  | 'enabled'
  | 'max'
  | 'timeWindow'
  | 'algorithm'
  | 'cost'
  | 'ipv6Subnet'
  | 'hook'
  | 'onOutage'
  | 'ban'
  | 'global'
  | 'policies'
  | 'exclude'
  | 'headers'
  | 'draftVersion'
  | 'problemJson'
  | 'share'
  | 'nameSpace'
  | 'decorateRequestAs'
  | 'cache'
  | 'returnAfterSeconds'
  | 'assumedInstances'
  | 'retryAfterSeconds'

/** {@link RateLimitOptions} with the defaults filled in. */
export type CheckedOptions = Required<Pick<RateLimitOptions, WithDefault>> &
  Omit<RateLimitOptions, WithDefault>

/** What holds where neither an option nor the environment says otherwise. */
export const defaultOptions: Readonly<Required<Pick<RateLimitOptions, WithDefault>>> = Object.freeze({
  enabled: true,
  max: 100,
  timeWindow: 900_000,
  algorithm: 'sliding-window',
  cost: 1,
  ipv6Subnet: 64,
  hook: 'onRequest',
  onOutage: 'local',
  ban: -1,
  global: true,
  policies: [],
  exclude: [],
  headers: 'draft',
  draftVersion: 11,
  problemJson: false,
  share: false,
  nameSpace: '',
  decorateRequestAs: 'rateLimit',
  cache: 10_000,
  returnAfterSeconds: 5,
  assumedInstances: 1,
  retryAfterSeconds: 2,
} satisfies Required<Pick<RateLimitOptions, WithDefault>>)

const headerSwitches: OptionRule = {
  wants: 'an object of header names, each true or false',
  accepts: (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((each) => typeof each === 'boolean'),
}

const rules: OptionRules<RateLimitOptions> = {
  ...policyRules,
  enabled: optionRule.yesOrNo,
  global: optionRule.yesOrNo,
  policies: policyList,
  exclude: {
    wants: "a list of paths, each beginning with / and with no * but at its end, such as '/webhooks/*'",
    accepts: (value) => Array.isArray(value) && value.every(isPathPattern),
  },
  headers: optionRule.oneOf('draft', 'legacy', 'both', false),
  draftVersion: { wants: '11, 7 or 6', accepts: (value) => value === 11 || value === 7 || value === 6 },
  enableDraftSpec: optionRule.yesOrNo,
  addHeaders: headerSwitches,
  addHeadersOnExceeding: headerSwitches,
  problemJson: optionRule.yesOrNo,
  redis: optionRule.redis,
  share: optionRule.yesOrNo,
  nameSpace: optionRule.text,
  decorateRequestAs: optionRule.name,
  cache: optionRule.entries,
  returnAfterSeconds: optionRule.number(0, 3600),
  assumedInstances: optionRule.wholeNumber(1),
  instancesEverySeconds: optionRule.number(0.1, 3600),
  retryAfterSeconds: optionRule.seconds,
}

function fromEnvironment(
  name: string,
  least: number,
  most: number,
  env: NodeJS.ProcessEnv,
): number | undefined {
  const text = env[name]?.trim() ?? ''
  if (text === '') return undefined
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value
  throw refuseOption(`${name} takes a whole number from ${least} to ${most}.`)
}

/** Options with what the environment says where they say nothing. */
function withEnvironment(given: RateLimitOptions, env: NodeJS.ProcessEnv): RateLimitOptions {
  const max =
    given.max === undefined ? fromEnvironment('RATE_LIMIT_MAX', 0, Number.MAX_SAFE_INTEGER, env) : undefined
  const windowSeconds =
    given.timeWindow === undefined
      ? fromEnvironment('RATE_LIMIT_WINDOW_SECONDS', 1, longestMs / 1000, env)
      : undefined
  // 0 turns limits off. As a max it would let nobody through where the app says enabled: true.
  const fromMax = max === undefined ? {} : max === 0 ? { enabled: false } : { max, enabled: true }
  return {
    ...fromMax,
    ...(windowSeconds === undefined ? {} : { timeWindow: windowSeconds * 1000 }),
    ...given,
  }
}

/** Options of \@fastify/rate-limit whose meaning has another name here. */
function renamed(given: RateLimitOptions): RateLimitOptions {
  return given.enableDraftSpec === true ? { headers: 'draft', draftVersion: 6, ...given } : given
}

/**
 * Fills in the environment and the defaults. An option that is `undefined` counts as not given.
 *
 * @throws STAY_RATE_OPTION_INVALID for an option that does not exist or cannot have its value.
 */
export function checkOptions(
  options: RateLimitOptions,
  env: NodeJS.ProcessEnv = process.env,
): CheckedOptions {
  const given = renamed(checkAll('rate-limit', options, rules, refuseOption))
  refuseContradiction('rate-limit', given)
  const checked: CheckedOptions = { ...defaultOptions, ...withEnvironment(given, env) }
  return { ...checked, policies: checkPolicies(checked.policies) }
}
