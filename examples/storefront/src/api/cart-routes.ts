import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Carts, CartOwner } from '../catalogue/carts.js'
import type { Checkout } from '../catalogue/checkout.js'
import { DuplicateItemError } from '../errors.js'
import { errorResponses } from './error-response.js'
import { saleTags } from './sale-tags.js'
import type { VendorScope } from './vendor-scope.js'

const MOST_ITEMS = 100
const MOST_UNITS = 10_000

const Item = Type.Object(
  {
    productId: Type.String({ minLength: 1, maxLength: 200, pattern: '^[^\\u0000]*$' }),
    quantity: Type.Integer({ minimum: 1, maximum: MOST_UNITS }),
  },
  { additionalProperties: false },
)
const Cart = Type.Object(
  { items: Type.Array(Item, { maxItems: MOST_ITEMS }) },
  { additionalProperties: false },
)
const Receipt = Type.Object({
  orders: Type.Array(
    Type.Object({
      id: Type.String(),
      productId: Type.String(),
      quantity: Type.Integer(),
      totalCents: Type.Integer(),
    }),
  ),
  totalCents: Type.Integer(),
})
const OfInstance = Type.Object({ instanceId: Type.String() })
// Visible ASCII, as header values are: any other byte would not survive every proxy.
const WithKey = Type.Object({
  'idempotency-key': Type.String({
    pattern: '^[\\x21-\\x7e]{1,255}$',
    description: 'A name of this purchase, such as a UUID: the same one never buys twice',
  }),
})

/** `/api/:instanceId/cart` and `/checkout`: what the signed-in user is about to buy, and buying it. */
export const cartRoutes: FastifyPluginCallbackTypebox<{
  scope: VendorScope
  carts: Carts
  checkout: Checkout
}> = (app, { scope, carts, checkout }, done) => {
  app.addHook('onRequest', scope.requireInstance)
  const about = { tags: ['cart'] }
  const invalidates = (request: FastifyRequest): readonly string[] => saleTags(scope.vendorIdOf(request))
  const ownerOf = (request: FastifyRequest): CartOwner => ({
    vendorId: scope.vendorIdOf(request),
    userId: scope.userIdOf(request),
  })

  app.get(
    '/cart',
    {
      schema: {
        ...about,
        summary: 'What is in the cart',
        params: OfInstance,
        response: { 200: Cart, ...errorResponses },
      },
    },
    (request) => carts.read(ownerOf(request)),
  )

  app.put(
    '/cart',
    {
      schema: {
        ...about,
        summary: 'Put these items in place of what is in the cart',
        params: OfInstance,
        body: Cart,
        response: { 200: Cart, ...errorResponses },
      },
    },
    (request) => {
      const ids = request.body.items.map(({ productId }) => productId)
      const twice = ids.find((id, index) => ids.indexOf(id) !== index)
      if (twice !== undefined) throw new DuplicateItemError(twice)
      return carts.replace(ownerOf(request), request.body.items)
    },
  )

  app.post(
    '/checkout',
    {
      schema: {
        ...about,
        summary: 'Buy what is in the cart, once for each Idempotency-Key',
        params: OfInstance,
        headers: WithKey,
        response: { 201: Receipt, ...errorResponses },
      },
      // It takes from stock as well.
      config: { invalidates },
    },
    async (request, reply) =>
      reply.code(201).send(await checkout.buy(ownerOf(request), request.headers['idempotency-key'])),
  )

  done()
}
