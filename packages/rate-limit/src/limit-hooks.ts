import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import type { LimitHook } from './policy-options.js'
import type { Policy } from './policy.js'
import type { RoutePlans } from './route-plan.js'

/** Counts a request by these policies; `done` as in hooks of Fastify. */
export type RunAtHook = (
  policies: readonly Policy[],
  request: FastifyRequest,
  reply: FastifyReply,
  done: () => void,
) => void

type Hook = (request: FastifyRequest, reply: FastifyReply, done: () => void) => void
type HookWithPayload = (
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: () => void,
) => void

function hookAt(hook: LimitHook, plans: RoutePlans, run: RunAtHook): Hook {
  return (request, reply, done) => {
    const policies = plans.of(request)[hook]
    if (policies.length === 0) done()
    else run(policies, request, reply, done)
  }
}

function withPayload(hook: Hook): HookWithPayload {
  return (request, reply, _payload, done) => {
    hook(request, reply, done)
  }
}

/** Hooks of the instance, which see what no route answers as well. */
export function addInstanceHooks(
  app: FastifyInstance,
  hooks: readonly LimitHook[],
  plans: RoutePlans,
  run: RunAtHook,
): void {
  for (const name of hooks) {
    const hook = hookAt(name, plans, run)
    if (name === 'onRequest') app.addHook(name, hook)
    else if (name === 'preParsing') app.addHook(name, withPayload(hook))
    else if (name === 'preValidation') app.addHook(name, hook)
    else app.addHook(name, hook)
  }
}

/** Gives a route hooks that the instance does not have, behind those of its own. */
export function addRouteHooks(
  route: RouteOptions,
  hooks: readonly LimitHook[],
  plans: RoutePlans,
  run: RunAtHook,
): void {
  for (const name of hooks) {
    const hook = hookAt(name, plans, run)
    if (name === 'preParsing') route.preParsing = [route.preParsing ?? [], withPayload(hook)].flat()
    else if (name === 'preValidation') route.preValidation = [route.preValidation ?? [], hook].flat()
    else if (name === 'preHandler') route.preHandler = [route.preHandler ?? [], hook].flat()
  }
}
