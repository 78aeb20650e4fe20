import type { FastifyRequest } from 'fastify'

/** Fastify tells no plugin of it; `test/refusal.test.ts` tells when this has moved. */
const contextName = 'fastify.context'

let contextSymbol: symbol | undefined

function has(value: object, key: symbol): value is Record<symbol, unknown> {
  return key in value
}

/** What Fastify keeps of the route that answers a request, the same for each; undefined where it is not found. */
export function contextOf(request: FastifyRequest): object | undefined {
  if (contextSymbol === undefined || !has(request, contextSymbol)) {
    const symbols = Object.getOwnPropertySymbols(request)
    contextSymbol = symbols.find(({ description }) => description === contextName)
    if (contextSymbol === undefined || !has(request, contextSymbol)) return undefined
  }
  const context = request[contextSymbol]
  return typeof context === 'object' && context !== null ? context : undefined
}

/** Fastify's own handler of errors; one of the app is put in front of it. */
function isOwnHandler(handler: unknown): boolean {
  if (typeof handler !== 'object' || handler === null || !('func' in handler)) return false
  const { func } = handler
  return (
    Object.getPrototypeOf(handler) === Object.prototype &&
    typeof func === 'function' &&
    func.name === 'defaultErrorHandler'
  )
}

/**
 * Whether an error of this request would come to nobody but Fastify itself: the app has no error handler,
 * no onError hook and no response schema there. False where that cannot be told.
 */
export function errorsAreFastifys(request: FastifyRequest): boolean {
  const context = contextOf(request)
  if (context === undefined || !('errorHandler' in context) || !('onError' in context)) return false
  const { schema }: { schema?: unknown } = request.routeOptions
  const hasResponseSchema = typeof schema === 'object' && schema !== null && 'response' in schema
  return isOwnHandler(context.errorHandler) && context.onError === null && !hasResponseSchema
}
