import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { orderStatuses } from '../catalogue/order-status.js'
import type { Orders } from '../catalogue/orders.js'
import { errorResponses } from './error-response.js'
import { PagingQuery, pageRequest, sendPage } from './paging.js'
import { saleTags } from './sale-tags.js'
import type { VendorScope } from './vendor-scope.js'

const MOST_UNITS = 10_000

const Id = Type.String({ minLength: 1, maxLength: 200, pattern: '^[^\\u0000]*$' })
const Order = Type.Object({
  id: Type.String(),
  productId: Type.String(),
  quantity: Type.Integer(),
  totalCents: Type.Integer(),
  status: Type.String(),
  createdAt: Type.String({ format: 'date-time' }),
})
const NewOrder = Type.Object(
  { productId: Id, quantity: Type.Integer({ minimum: 1, maximum: MOST_UNITS }) },
  { additionalProperties: false },
)
const StatusChange = Type.Object({ status: Type.Enum(orderStatuses) }, { additionalProperties: false })
const OfInstance = Type.Object({ instanceId: Type.String() })
const OfOrder = Type.Object({ instanceId: Type.String(), id: Id })

/** `/api/:instanceId/orders`: list and record orders, and set where they stand. */
export const ordersRoutes: FastifyPluginCallbackTypebox<{ scope: VendorScope; orders: Orders }> = (
  app,
  { scope, orders },
  done,
) => {
  app.addHook('onRequest', scope.requireInstance)
  const about = { tags: ['orders'] }
  const invalidates = (request: FastifyRequest): readonly string[] => saleTags(scope.vendorIdOf(request))

  app.get(
    '',
    {
      schema: {
        ...about,
        summary: 'List orders, newest first',
        params: OfInstance,
        querystring: PagingQuery,
        response: { 200: Type.Array(Order), ...errorResponses },
      },
    },
    async (request, reply) =>
      sendPage(reply, await orders.list(scope.vendorIdOf(request), pageRequest(request.query))),
  )

  app.post(
    '',
    {
      schema: {
        ...about,
        summary: 'Record a sale and take it from stock',
        params: OfInstance,
        body: NewOrder,
        response: { 201: Order, ...errorResponses },
      },
      config: { invalidates },
    },
    async (request, reply) => reply.code(201).send(await orders.add(scope.vendorIdOf(request), request.body)),
  )

  app.patch(
    '/:id',
    {
      schema: {
        ...about,
        summary: 'Set where an order stands',
        params: OfOrder,
        body: StatusChange,
        response: { 200: Order, ...errorResponses },
      },
      config: { invalidates },
    },
    (request) => orders.setStatus(scope.vendorIdOf(request), request.params.id, request.body.status),
  )

  done()
}
