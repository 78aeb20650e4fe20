import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { Sessions } from '@stayfast/session'
import type { DeadLetter, Webhooks } from '@stayfast/webhooks'
import { type TObject, type TString, Type } from 'typebox'
import { ADMIN_ROLE } from '../accounts/vendor-access.js'
import { errorResponses } from '../api/error-response.js'
import { NEXT_CURSOR } from '../api/paging.js'
import type { WebhookEvents } from '../catalogue/webhook-events.js'
import { DeadLetterNotFoundError } from '../errors.js'

const USUAL_LIMIT = 50
const MAX_LIMIT = 200

const Count = Type.Integer()
const Time = Type.String({ format: 'date-time' })
const Limit = Type.Optional(
  Type.Integer({
    minimum: 1,
    maximum: MAX_LIMIT,
    description: `The most to answer; ${USUAL_LIMIT} if unset`,
  }),
)
const Overview = Type.Object({
  queue: Type.Object(
    {
      waiting: Count,
      active: Count,
      delayed: Count,
      deadLetters: Count,
      oldestWaitingSeconds: Type.Number(),
    },
    { description: 'Of all processes' },
  ),
  process: Type.Object(
    {
      accepted: Count,
      duplicates: Count,
      conflicts: Count,
      unsigned: Count,
      deferred: Count,
      handled: Count,
      failed: Count,
      deadLettered: Count,
      repeated: Count,
    },
    { description: 'Of the process that answers, since its start' },
  ),
  deadLetters: Type.Array(
    Type.Object({
      id: Type.String(),
      provider: Type.String(),
      topic: Type.String(),
      tenantId: Type.String(),
      eventId: Type.String(),
      receivedAt: Time,
      failedAt: Time,
      attempts: Count,
      reason: Type.String(),
    }),
    { description: 'Those whose handlers failed for good, the latest first' },
  ),
})
const Handled = Type.Object({
  provider: Type.String(),
  eventId: Type.String(),
  topic: Type.String(),
  vendorId: Type.Union([Type.String(), Type.Null()]),
  outcome: Type.String({ description: 'order, or noted' }),
  note: Type.String({ description: 'The id of the order, or why there is none' }),
  handledAt: Time,
})
const OfLetter: TObject<{ id: TString }> = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 100, pattern: '^[\\w-]+$' }),
})

/** `/api/admin/webhooks`: how the webhooks are doing, and what is to become of those that failed; for admins. */
export const webhooksAdminRoutes: FastifyPluginCallbackTypebox<{
  sessions: Pick<Sessions, 'requireRole'>
  webhooks: Pick<Webhooks, 'stats' | 'deadLetters'>
  events: WebhookEvents
}> = (app, { sessions, webhooks: { stats, deadLetters }, events }, done) => {
  app.addHook('onRequest', sessions.requireRole(ADMIN_ROLE))
  const about = { tags: ['admin'] }

  app.get(
    '',
    {
      schema: {
        ...about,
        summary: 'The queue of the webhooks, what this process did, and dead letters by page',
        querystring: Type.Object({
          limit: Limit,
          cursor: Type.Optional(
            Type.String({ maxLength: 20, description: 'X-Next-Cursor of the page before' }),
          ),
        }),
        response: { 200: Overview, ...errorResponses },
      },
    },
    async ({ query: { limit = USUAL_LIMIT, cursor } }, reply) => {
      const [{ queue, process }, page] = await Promise.all([stats(), deadLetters.list({ limit, cursor })])
      if (page.cursor !== undefined) reply.header(NEXT_CURSOR, page.cursor)
      return { queue, process, deadLetters: page.items.map(shown) }
    },
  )

  app.get(
    '/events',
    {
      schema: {
        ...about,
        summary: 'What became of the latest events: orders, and those that were only noted',
        querystring: Type.Object({ limit: Limit }),
        response: { 200: Type.Array(Handled), ...errorResponses },
      },
    },
    ({ query: { limit = USUAL_LIMIT } }) => events.latest(limit),
  )

  app.post(
    '/dead-letters/:id/replay',
    {
      schema: {
        ...about,
        summary: 'Handle a dead letter anew, with all its attempts',
        params: OfLetter,
        response: { 204: Type.Null(), ...errorResponses },
      },
    },
    async ({ params: { id } }, reply) => {
      if (!(await deadLetters.replay(id))) throw new DeadLetterNotFoundError(id)
      return reply.code(204).send(null)
    },
  )

  app.delete(
    '/dead-letters/:id',
    {
      schema: {
        ...about,
        summary: 'Drop a dead letter for good',
        params: OfLetter,
        response: { 204: Type.Null(), ...errorResponses },
      },
    },
    async ({ params: { id } }, reply) => {
      if (!(await deadLetters.discard(id))) throw new DeadLetterNotFoundError(id)
      return reply.code(204).send(null)
    },
  )

  done()
}

function shown({ receivedAt, failedAt, ...letter }: DeadLetter): Omit<
  DeadLetter,
  'receivedAt' | 'failedAt'
> & {
  receivedAt: string
  failedAt: string
} {
  return { ...letter, receivedAt: receivedAt.toISOString(), failedAt: failedAt.toISOString() }
}
