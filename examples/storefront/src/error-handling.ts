import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { STATUS_CODES } from 'node:http'

const RETRY_AFTER_SECONDS = 2

/** Codes of this app for what Fastify itself refuses; its own codes name its parts, not the client's mistake. */
const CODES: Readonly<Record<number, string>> = {
  404: 'SHOP_ROUTE_NOT_FOUND',
  413: 'SHOP_BODY_TOO_LARGE',
  414: 'SHOP_URL_TOO_LONG',
  415: 'SHOP_MEDIA_TYPE_UNSUPPORTED',
}

/** What a plugin's error may carry beside its code, such as Retry-After. */
type ShownError = FastifyError & { headers?: Record<string, string> }

/** Answers `error` in Fastify's shape. What is not meant for the client is logged and not told. */
export function sendError(error: ShownError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const statusCode = error.statusCode !== undefined && error.statusCode >= 400 ? error.statusCode : 500
  if (statusCode >= 500) {
    // A plugin that refuses for want of Redis has logged that once; a line for each request says no more.
    const level = statusCode === 503 && error.code.startsWith('STAY_') ? 'debug' : 'error'
    request.log[level]({ err: error }, 'the request failed')
  }
  if (error.headers !== undefined) reply.headers(error.headers)
  if (statusCode === 503 && !reply.hasHeader('retry-after')) reply.header('retry-after', RETRY_AFTER_SECONDS)
  const own = /^(?:SHOP|STAY)_/.test(error.code)
  const secret = statusCode >= 500 && !own
  return reply.code(statusCode).send({
    statusCode,
    code: own ? error.code : codeFor(statusCode, error),
    error: STATUS_CODES[statusCode] ?? 'Error',
    message: secret ? 'Something went wrong on the server; it is in its log' : error.message,
  })
}

function codeFor(statusCode: number, error: FastifyError): string {
  if (error.validation !== undefined) return 'SHOP_VALIDATION_FAILED'
  return CODES[statusCode] ?? (statusCode >= 500 ? 'SHOP_INTERNAL' : 'SHOP_REQUEST_INVALID')
}

/** Gives every error of the app, and every unknown route, one shape with a code. */
export function handleErrors(app: FastifyInstance): void {
  app.setErrorHandler(sendError)
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send({
      statusCode: 404,
      code: CODES[404],
      error: 'Not Found',
      message: `There is no route ${request.method} ${pathOf(request.url)}`,
    }),
  )
}

/** Without the query, which may hold a token. */
export function pathOf(url: string): string {
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}
