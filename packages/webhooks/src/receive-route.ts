import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { STATUS_CODES } from 'node:http'
import { EventUnreadableError, isTryAgain, ProviderUnknownError, SignatureError } from './errors.js'
import type { Intake } from './intake.js'
import type { CheckedOptions } from './options.js'
import { checkedVerdict } from './providers/checked-verdict.js'
import type { WebhookCounters } from './counters.js'

/** What the route works with. */
export interface ReceiveRouteParts {
  readonly options: Pick<CheckedOptions, 'providers' | 'path' | 'bodyLimitBytes' | 'acceptedStatus'>
  readonly intake: () => Intake
  readonly nowMs: () => number
  readonly counters: WebhookCounters
}

/**
 * A sender that is told to try again is no failure of the app: in an outage of Redis each webhook would
 * else be an error in the log, with its stack.
 */
function quietly(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  if (!isTryAgain(error)) throw error
  request.log.debug({ err: error }, 'webhooks: a webhook was put off')
  const { statusCode, code, message } = error
  const status = statusCode ?? 503
  void reply
    .code(status)
    .headers(error.headers)
    .send({ statusCode: status, code, error: STATUS_CODES[status], message })
}

/**
 * Takes webhooks. To be registered in a scope of its own: in it bodies are bytes, because signatures are
 * over the bytes that were sent, and nothing of that is seen by the other routes of the app.
 */
export function receiveRoute(scope: FastifyInstance, parts: ReceiveRouteParts): void {
  const { providers, path, bodyLimitBytes: bodyLimit, acceptedStatus } = parts.options
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit }, (_request, body, done) => {
    done(null, body)
  })
  scope.post<{ Params: { provider: string } }>(
    path,
    {
      bodyLimit,
      errorHandler: quietly,
      // Before the body is read: nobody reads 5 MB for a sender whom it does not know.
      onRequest: ({ params }, _reply, done) => {
        done(Object.hasOwn(providers, params.provider) ? undefined : new ProviderUnknownError())
      },
    },
    async (request, reply) => {
      const { params, headers, body } = request
      const provider = providers[params.provider]
      if (provider === undefined) throw new ProviderUnknownError()
      const said = await provider.verify({
        headers,
        body: Buffer.isBuffer(body) ? body : Buffer.alloc(0),
        nowMs: parts.nowMs(),
      })
      const verdict = checkedVerdict(params.provider, said)
      switch (verdict.kind) {
        case 'unsigned':
          parts.counters.unsigned += 1
          request.log.debug(`webhooks: a webhook of ${params.provider} was refused: ${verdict.reason}`)
          throw new SignatureError()
        case 'unreadable':
          throw new EventUnreadableError(verdict.reason)
        case 'verified': {
          const status = await parts.intake().take(params.provider, verdict.event)
          return reply.code(status === 'accepted' ? acceptedStatus : 200).send({ status })
        }
      }
    },
  )
}
