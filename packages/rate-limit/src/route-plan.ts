import type { FastifyRequest, RouteOptions } from 'fastify'
import type { Limit } from './algorithms/limit.js'
import { RateLimitOptionError } from './errors.js'
import type { CheckedOptions } from './options.js'
import {
  checkRouteOptions,
  type LimitHook,
  type PolicyOptions,
  type RouteLimitOptions,
} from './policy-options.js'
import { createPolicy, type DefaultedOptions, type Policy } from './policy.js'

/** The policies of a route, by when they are asked. */
export type RoutePlan = Readonly<Record<LimitHook, readonly Policy[]>>

/** Name of the limit that holds for every route. */
export const defaultPolicyName = 'default'

export const limitHooks: readonly LimitHook[] = ['onRequest', 'preParsing', 'preValidation', 'preHandler']

const noPlan: RoutePlan = { onRequest: [], preParsing: [], preValidation: [], preHandler: [] }

/** @throws STAY_RATE_OPTION_INVALID where one counter would count a request twice. */
function planOf(policies: readonly Policy[]): RoutePlan {
  const names = policies.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) {
    throw new RateLimitOptionError(
      `Two limits of one request are called "${twice}": they would share a counter, which would count it twice. Give one of them another name or groupId.`,
    )
  }
  const at = (hook: LimitHook): Policy[] => policies.filter((policy) => policy.hook === hook)
  return {
    onRequest: at('onRequest'),
    preParsing: at('preParsing'),
    preValidation: at('preValidation'),
    preHandler: at('preHandler'),
  }
}

/** What a route says of its limits; it may be anything. */
function rateLimitOf(config: unknown): unknown {
  return typeof config === 'object' && config !== null && 'rateLimit' in config ? config.rateLimit : undefined
}

function isRouteLimit(value: unknown): value is RouteLimitOptions {
  return typeof value === 'object' && value !== null
}

/** HEAD and GET are one route to a client. */
function routeName(method: string | readonly string[] | undefined, url: string | undefined): string {
  const methods = new Set([method ?? []].flat().map((each) => (each === 'HEAD' ? 'GET' : each)))
  // A name stands in a header: whatever is not printable ASCII is encoded.
  return `${[...methods].join(',')} ${url ?? ''}`.replace(/[^\x20-\x7e]/g, encodeURIComponent).slice(0, 200)
}

function sameCounting(one: Limit | undefined, other: Limit | undefined): boolean {
  return one?.windowUs === other?.windowUs && one?.algorithm === other?.algorithm
}

/**
 * Which policies a route has: those of the app, or what its `config.rateLimit` says.
 *
 * Routes that were there before the plugin are found at their first request.
 */
export class RoutePlans {
  readonly #options: CheckedOptions
  readonly #appPlan: RoutePlan
  readonly #appPolicies: readonly Policy[]
  readonly #plans = new WeakMap<object, RoutePlan>()
  readonly #groups = new Map<string, Policy>()
  readonly #checked = new WeakSet()
  /** The limit that holds for every route. */
  readonly defaultPolicy: Policy

  constructor(options: CheckedOptions) {
    this.#options = options
    this.defaultPolicy = createPolicy(options.groupId ?? options.name ?? defaultPolicyName, options)
    this.#appPolicies = this.#createPolicies(options.policies)
    this.#appPlan = options.global ? planOf([this.defaultPolicy, ...this.#appPolicies]) : noPlan
  }

  /** Hooks at which every route has something to ask, whatever it says itself. */
  get appHooks(): readonly LimitHook[] {
    return limitHooks.filter((hook) => this.#appPlan[hook].length > 0)
  }

  /**
   * Checks what a new route says.
   *
   * @returns The hooks at which it asks something.
   * @throws STAY_RATE_OPTION_INVALID
   */
  check(route: RouteOptions): readonly LimitHook[] {
    const given = rateLimitOf(route.config)
    if (given === undefined || given === null) return []
    if (typeof given === 'object') this.#checked.add(given)
    const plan = this.#createPlan(given, routeName(route.method, route.url))
    return limitHooks.filter((hook) => plan[hook].length > 0)
  }

  of(request: FastifyRequest): RoutePlan {
    // Fastify makes one of these for each route, whatever the app shares between routes. A 404 has none.
    const config: unknown = request.routeOptions.config
    const given = rateLimitOf(config)
    if (typeof config !== 'object' || config === null || given === undefined || given === null) {
      return this.#appPlan
    }
    let plan = this.#plans.get(config)
    if (plan === undefined) {
      plan = this.#createPlan(given, routeName(request.routeOptions.method, request.routeOptions.url))
      this.#refuseWhatComesTooLate(
        given,
        plan,
        routeName(request.routeOptions.method, request.routeOptions.url),
      )
      this.#plans.set(config, plan)
    }
    return plan
  }

  /** A policy of its own, for a hook that the app places itself. */
  policyOf(options: PolicyOptions, name: string): Policy {
    return this.#createPolicy(checkRouteOptions(options, name), name)
  }

  /** A route that was there before the plugin has none but the hooks of the app. */
  #refuseWhatComesTooLate(given: unknown, plan: RoutePlan, name: string): void {
    if (typeof given === 'object' && given !== null && this.#checked.has(given)) return
    const late = limitHooks.find(
      (hook) => hook !== 'onRequest' && plan[hook].length > this.#appPlan[hook].length,
    )
    if (late === undefined) return
    throw new RateLimitOptionError(
      `The route ${name} wants to be limited at ${late}, but was there before rate-limit: register rate-limit before the routes.`,
    )
  }

  #createPlan(given: unknown, name: string): RoutePlan {
    if (given === false) return noPlan
    if (!isRouteLimit(given)) {
      throw new RateLimitOptionError(`config.rateLimit of ${name} takes an object of options, or false.`)
    }
    const { policies, ...own } = checkRouteOptions(given, name)
    const others = policies === undefined ? this.#appPolicies : this.#createPolicies(policies)
    return planOf([this.#createPolicy(own, name), ...others])
  }

  #createPolicies(policies: readonly PolicyOptions[]): readonly Policy[] {
    return policies.map((options) => this.#createPolicy(options, options.name ?? ''))
  }

  #createPolicy(own: PolicyOptions, name: string): Policy {
    const policy = createPolicy(own.groupId ?? own.name ?? name, { ...this.#inherited(own), ...own })
    if (own.groupId === undefined) return policy
    const first = this.#groups.get(own.groupId)
    if (first === undefined) this.#groups.set(own.groupId, policy)
    else if (!sameCounting(first.limit, policy.limit)) {
      throw new RateLimitOptionError(
        `The group "${own.groupId}" has routes of different timeWindow or algorithm: they cannot share a counter.`,
      )
    }
    return policy
  }

  #inherited(own: PolicyOptions): DefaultedOptions {
    const inherited: DefaultedOptions = { ...this.#options }
    const dropped = ['name', 'groupId']
    // A burst belongs to the max beside which it stands.
    if (own.max !== undefined) dropped.push('burst')
    // They say the same, and who stands closer is right.
    if (own.onOutage !== undefined) dropped.push('skipOnError')
    for (const option of dropped) Reflect.deleteProperty(inherited, option)
    return inherited
  }
}
