import type { FastifyRequest } from 'fastify'
import type { Algorithm, Limit } from './algorithms/limit.js'
import { allowEntries, type Allows } from './allow-list.js'
import { clientAddress } from './client-address.js'
import { RateLimitValueError } from './errors.js'
import { policyItem, quotedName } from './limit-headers.js'
import type { LimitHook, PolicyOptions } from './policy-options.js'
import { countsBy, remembered, type CounterId } from './stores/limit-store.js'
import { windowMs } from './time-window.js'
import type { Ask, OnOutage, Penalty } from './verdict.js'

type FromRequest<T> = (request: FastifyRequest, key: string) => T | Promise<T>

/** A policy of the app, ready to be asked. */
export interface Policy {
  readonly name: string
  readonly hook: LimitHook
  readonly options: PolicyOptions
  readonly algorithm: Algorithm
  /** Undefined when a function of the app tells it for each request. */
  readonly limit: Limit | undefined
  /** What names of its counters begin with, where {@link limit} is known. */
  readonly prefix: string
  /** {@link name} and {@link limit} as headers write them. */
  readonly quotedName: string
  readonly item: string
  readonly max: FromRequest<number>
  readonly timeWindow: FromRequest<number | string>
  readonly cost: number | ((request: FastifyRequest) => number | Promise<number>)
  readonly keyOf: (request: FastifyRequest) => unknown
  readonly allows: Allows | undefined
  readonly onOutage: OnOutage
  readonly penalty: Penalty
  readonly ban: number
}

/** What of a policy has a default. */
export type DefaultedOptions = PolicyOptions &
  Required<
    Pick<
      PolicyOptions,
      'max' | 'timeWindow' | 'algorithm' | 'cost' | 'ipv6Subnet' | 'hook' | 'onOutage' | 'ban'
    >
  >

const usPerMs = 1000

function limitOf(policy: Pick<Policy, 'algorithm' | 'options'>, max: number, ms: number): Limit {
  return { algorithm: policy.algorithm, max, windowUs: ms * usPerMs, burst: policy.options.burst ?? max }
}

/** Names are told apart by their length: whatever a name holds, two policies never share a counter. */
function counterPrefix(name: string, limit: Limit): string {
  return `${countsBy(limit)}:${name.length}:${name}:`
}

/** Makes a policy of options that were checked. */
export function createPolicy(name: string, options: DefaultedOptions): Policy {
  const { max, timeWindow, algorithm, cost, ipv6Subnet, allowList } = options
  const keyGenerator = options.keyGenerator ?? ((request) => clientAddress(request, ipv6Subnet))
  const ms = windowMs(timeWindow)
  const limit =
    typeof max === 'number' && ms !== undefined ? limitOf({ algorithm, options }, max, ms) : undefined
  return {
    name,
    hook: options.hook,
    options,
    algorithm,
    limit,
    prefix: limit === undefined ? '' : counterPrefix(name, limit),
    quotedName: quotedName(name),
    item: limit === undefined ? '' : policyItem(quotedName(name), limit),
    max: typeof max === 'number' ? () => max : max,
    timeWindow: typeof timeWindow === 'function' ? timeWindow : () => timeWindow,
    cost,
    keyOf: keyGenerator,
    allows:
      typeof allowList === 'function' || allowList === undefined
        ? allowList
        : allowEntries(allowList, options.keyGenerator === undefined),
    onOutage: options.skipOnError === true ? 'open' : options.onOutage,
    penalty:
      options.exponentialBackoff === true
        ? 'backoff'
        : options.continueExceeding === true
          ? 'continue'
          : 'none',
    ban: options.ban,
  }
}

function wholeNumber(value: unknown, what: string, policy: Policy): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw new RateLimitValueError(
    `the ${what} of the limit "${policy.name}" came out as no whole number of at least 0`,
  )
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value
}

/** @returns The text of a key, or undefined when the request is none of this policy's. */
export function keyText(key: unknown): string | undefined {
  if (key === undefined || key === null) return undefined
  if (typeof key === 'string') return key
  if (typeof key === 'number') return String(key)
  throw new RateLimitValueError('a keyGenerator gave neither a text nor a number')
}

/** What a request asks of a policy. Its name is put together when it is needed, which it often is not. */
class PolicyAsk implements Ask {
  readonly id: CounterId
  readonly limit: Limit
  readonly cost: number
  readonly onOutage: OnOutage
  readonly penalty: Penalty
  readonly #prefix: string
  #name: string | undefined

  constructor(policy: Policy, key: string, limit: Limit, prefix: string, cost: number) {
    this.id = { policy: policy.name, key }
    this.limit = limit
    this.cost = cost
    this.onOutage = policy.onOutage
    this.penalty = policy.penalty
    this.#prefix = prefix
  }

  get name(): string {
    return (this.#name ??= this.#prefix + remembered(this.id.key))
  }
}

async function askLater(policy: Policy, request: FastifyRequest): Promise<Ask | undefined> {
  const key = keyText(await policy.keyOf(request))
  if (key === undefined) return undefined
  if (policy.allows !== undefined && (await policy.allows(request, key))) return undefined
  let { limit, prefix } = policy
  if (limit === undefined) {
    const [max, window] = await Promise.all([policy.max(request, key), policy.timeWindow(request, key)])
    const ms = windowMs(window)
    if (ms === undefined) {
      throw new RateLimitValueError(`the timeWindow of the limit "${policy.name}" came out as none`)
    }
    limit = limitOf(policy, wholeNumber(max, 'max', policy), ms)
    prefix = counterPrefix(policy.name, limit)
  }
  const cost =
    typeof policy.cost === 'number' ? policy.cost : wholeNumber(await policy.cost(request), 'cost', policy)
  return new PolicyAsk(policy, key, limit, prefix, cost)
}

/**
 * What a request asks of a policy: at once where nothing of it is async.
 *
 * @returns Undefined when it asks nothing: it has no key there, or is on the allow list.
 * @throws What functions of the app throw, and STAY_RATE_VALUE_INVALID.
 */
export function askOf(policy: Policy, request: FastifyRequest): Ask | undefined | Promise<Ask | undefined> {
  const { limit, cost, allows } = policy
  if (limit === undefined || typeof cost !== 'number') return askLater(policy, request)
  const given = policy.keyOf(request)
  if (isPromise(given)) return askLater({ ...policy, keyOf: () => given }, request)
  const key = keyText(given)
  if (key === undefined) return undefined
  if (allows !== undefined) {
    const allowed = allows(request, key)
    if (typeof allowed !== 'boolean')
      return askLater({ ...policy, keyOf: () => key, allows: () => allowed }, request)
    if (allowed) return undefined
  }
  return new PolicyAsk(policy, key, limit, policy.prefix, cost)
}
