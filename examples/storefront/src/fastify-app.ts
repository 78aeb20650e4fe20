import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import { refuseUnreadable } from './client-errors.js'
import { handleErrors, pathOf, sendError } from './error-handling.js'
import { validatorCompiler } from './validation.js'

const LONGEST_PARAMETER = 200

/**
 * A Fastify app with this server's manners: strict bodies, coded errors, a quiet log without tokens.
 *
 * @param proxies - So many before this process are believed about where a request comes from.
 */
export function fastifyApp(proxies: number, logger?: FastifyBaseLogger): FastifyInstance {
  const app: FastifyInstance = Fastify({
    ...(logger === undefined ? {} : { loggerInstance: logger }),
    // Fastify takes a number for a promise about addresses, and then trusts none.
    trustProxy: (_address: string, hop: number) => hop < proxies,
    logController: new LogController({ disableRequestLogging: true }),
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: LONGEST_PARAMETER },
    clientErrorHandler: refuseUnreadable,
    frameworkErrors: (error, request, reply) => void sendError(error, request, reply),
  })
  app.setValidatorCompiler(validatorCompiler)
  allowEmptyJson(app)
  handleErrors(app)
  app.addHook('onResponse', async (request, reply) => {
    request.log.debug(
      {
        method: request.method,
        path: pathOf(request.url),
        statusCode: reply.statusCode,
        milliseconds: Math.round(reply.elapsedTime),
      },
      'answered',
    )
  })
  return app
}

/** Many clients send `content-type: application/json` with every request, a DELETE without a body included. */
function allowEmptyJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined)
    else void parse(request, body.toString(), done)
  })
}
