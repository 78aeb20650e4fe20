import { checkOptions as checkAll, optionRule, type OptionRules, type RedisOption } from '@stayfast/redis-kit'
import { WebhookOptionError } from './errors.js'
import type { WebhookProvider } from './providers/provider.js'

/** Options of the plugin. All but `providers` have defaults. */
export interface WebhooksOptions {
  /**
   * Who may send webhooks, by the name in the path: `{ shopify: shopify({ secrets }) }`. One that is
   * undefined is not taken, so that what is not configured can be written down.
   */
  readonly providers: Readonly<Record<string, WebhookProvider | undefined>>
  /**
   * Which Redis: a link, a client of the app, the name of an \@fastify/redis namespace, or `false` for
   * memory. Without it: `app.redisConnection`, then `app.redis`, then memory.
   */
  readonly redis?: RedisOption
  /** Use a client of the app itself instead of a duplicate of it. Saves a connection, weakens the promises. */
  readonly share?: boolean
  /** Name of the decorator on the app. */
  readonly decorateAs?: string
  /** Where webhooks are taken; holds `:provider`. */
  readonly path?: string
  /** Stands before each key, after the prefix of the connection, where there is one. */
  readonly keyPrefix?: string
  /** Name of the queue in BullMQ. */
  readonly queueName?: string
  /** Whether this process takes webhooks. */
  readonly receiving?: boolean
  /** Whether this process handles them. */
  readonly processing?: boolean
  /** Sent when an event was accepted: 202, or 200 for senders that want nothing else. */
  readonly acceptedStatus?: 200 | 202
  /** Bytes that the body of a webhook may have. */
  readonly bodyLimitBytes?: number
  /** Handlers that run at once in this process; `QUEUE_CONCURRENCY`. */
  readonly concurrency?: number
  /** Runs of a handler before the event becomes a dead letter; `QUEUE_ATTEMPTS`. */
  readonly attempts?: number
  /** Milliseconds before the second attempt; each further pause is twice as long, up to a day; `QUEUE_BACKOFF_DELAY`. */
  readonly backoffDelayMs?: number
  /** Milliseconds after which a handler is given up. */
  readonly handlerTimeoutMs?: number
  /** A worker that gives no sign of life for so long loses its events to another. */
  readonly leaseSeconds?: number
  /** Who dies while it accepts an event blocks its repetitions for so long. */
  readonly claimSeconds?: number
  /** Repetitions of an event are known for so long. */
  readonly rememberSeconds?: number
  /** Sent as Retry-After with each 503. */
  readonly retryAfterSeconds?: number
  /** Seconds that the end of the app waits for running handlers. */
  readonly closeSeconds?: number
  /** Events that are held where there is no Redis, dead letters included; more are refused. */
  readonly maxInMemory?: number
  /** Accepted events that are remembered where there is no Redis. */
  readonly maxReceiptsInMemory?: number
  /** Where `QUEUE_*` come from; `false` for nowhere. */
  readonly env?: Readonly<Record<string, string | undefined>> | false
}

type OptionWithoutDefault = 'redis' | 'providers'

/** {@link WebhooksOptions} with the defaults filled in. */
export type CheckedOptions = Required<Omit<WebhooksOptions, OptionWithoutDefault | 'env'>> &
  Pick<WebhooksOptions, OptionWithoutDefault>

/** What holds where neither an option nor the environment says otherwise. */
export const defaultOptions: Readonly<Omit<CheckedOptions, OptionWithoutDefault>> = Object.freeze({
  share: false,
  decorateAs: 'webhooks',
  path: '/webhooks/:provider',
  keyPrefix: '',
  queueName: 'webhooks',
  receiving: true,
  processing: true,
  acceptedStatus: 202,
  bodyLimitBytes: 5_242_880,
  concurrency: 3,
  attempts: 3,
  backoffDelayMs: 5000,
  handlerTimeoutMs: 30_000,
  leaseSeconds: 10,
  claimSeconds: 10,
  rememberSeconds: 604_800,
  retryAfterSeconds: 5,
  closeSeconds: 10,
  maxInMemory: 10_000,
  maxReceiptsInMemory: 100_000,
} satisfies Omit<CheckedOptions, OptionWithoutDefault>)

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isProvider(value: unknown): boolean {
  return value === undefined || (isRecord(value) && typeof value['verify'] === 'function')
}

const rules: OptionRules<WebhooksOptions> = {
  providers: {
    wants: 'an object of providers by their names, which are of letters, digits, - and _',
    accepts: (value) =>
      isRecord(value) &&
      Object.keys(value).every((name) => /^[\w-]{1,64}$/.test(name)) &&
      Object.values(value).every(isProvider),
  },
  redis: optionRule.redis,
  share: optionRule.yesOrNo,
  decorateAs: optionRule.name,
  path: {
    wants: 'a path that holds :provider',
    accepts: (value) => typeof value === 'string' && /^\/.*:provider(\/|$)/.test(value),
  },
  keyPrefix: optionRule.text,
  queueName: {
    wants: 'a name without colons',
    accepts: (value) => typeof value === 'string' && /^[^:]+$/.test(value),
  },
  receiving: optionRule.yesOrNo,
  processing: optionRule.yesOrNo,
  acceptedStatus: { wants: '200 or 202', accepts: (value) => value === 200 || value === 202 },
  bodyLimitBytes: optionRule.wholeNumber(1),
  concurrency: optionRule.wholeNumber(1, 1000),
  attempts: optionRule.wholeNumber(1, 1000),
  backoffDelayMs: optionRule.wholeNumber(0, 86_400_000),
  handlerTimeoutMs: optionRule.wholeNumber(1, 86_400_000),
  leaseSeconds: optionRule.number(0.1, 3600),
  claimSeconds: optionRule.number(0.1, 3600),
  rememberSeconds: optionRule.seconds,
  retryAfterSeconds: optionRule.seconds,
  closeSeconds: optionRule.number(0, 600),
  maxInMemory: optionRule.entries,
  maxReceiptsInMemory: optionRule.entries,
  env: { wants: 'an object or false', accepts: (value) => value === false || isRecord(value) },
}

const variables = {
  concurrency: 'QUEUE_CONCURRENCY',
  attempts: 'QUEUE_ATTEMPTS',
  backoffDelayMs: 'QUEUE_BACKOFF_DELAY',
} as const satisfies Partial<Record<keyof WebhooksOptions, string>>

/** What the environment says. Empty means unset. */
function fromEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): Pick<WebhooksOptions, keyof typeof variables> {
  const read = (option: keyof typeof variables): number | undefined => {
    const text = env[variables[option]]?.trim() ?? ''
    if (text === '') return undefined
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (rules[option].accepts(value)) return value
    throw new WebhookOptionError(`The variable ${variables[option]} takes ${rules[option].wants}.`)
  }
  const found = Object.entries({
    concurrency: read('concurrency'),
    attempts: read('attempts'),
    backoffDelayMs: read('backoffDelayMs'),
  })
  return Object.fromEntries(found.filter(([, value]) => value !== undefined))
}

/**
 * Fills in the environment and the defaults. An option that is `undefined` counts as not given.
 *
 * @throws STAY_WEBHOOK_OPTION_INVALID for an option that does not exist or cannot have its value.
 */
export function checkOptions(options: WebhooksOptions): CheckedOptions {
  const refuse = (message: string): Error => new WebhookOptionError(message)
  const given = checkAll('webhooks', options, rules, refuse)
  const { env = process.env, ...others } = given
  if (!isRecord(others.providers))
    throw refuse(`webhooks needs the option providers: ${rules.providers.wants}.`)
  return { ...defaultOptions, ...(env === false ? {} : fromEnvironment(env)), ...others }
}
