import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { tags } from '@stayfast/tagged-cache'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Products } from '../catalogue/products.js'
import { errorResponses } from './error-response.js'
import { NEXT_CURSOR, PagingQuery, pageRequest, sendPage } from './paging.js'
import type { VendorScope } from './vendor-scope.js'

const LARGEST_INTEGER = 2_147_483_647
const MOST_BULK_ITEMS = 1_000
const FRESH_SECONDS = 300

// Text that Postgres can hold (no NUL) and a person can see (not only blanks).
const VISIBLE_TEXT = '^[^\\u0000]*[^\\s\\u0000][^\\u0000]*$'

const Id = Type.String({ minLength: 1, maxLength: 200, pattern: '^[^\\u0000]*$' })
const Name = Type.String({ maxLength: 200, pattern: VISIBLE_TEXT })
const Sku = Type.String({ maxLength: 64, pattern: VISIBLE_TEXT })
const PriceCents = Type.Integer({ minimum: 0, maximum: LARGEST_INTEGER })
const Stock = Type.Integer({ minimum: 0, maximum: LARGEST_INTEGER })

const Product = Type.Object({
  id: Type.String(),
  name: Type.String(),
  sku: Type.String(),
  priceCents: Type.Integer(),
  stock: Type.Integer(),
  updatedAt: Type.String({ format: 'date-time' }),
})

// A client may send back the whole product that it has read; what only the server sets is ignored.
const readOnly = {
  id: Type.Optional(Type.Unknown({ description: 'Ignored: the id stays' })),
  updatedAt: Type.Optional(Type.Unknown({ description: 'Ignored: set by the server' })),
}
const fields = {
  name: Type.Optional(Name),
  sku: Type.Optional(Sku),
  priceCents: Type.Optional(PriceCents),
  stock: Type.Optional(Stock),
}
const NewProduct = Type.Object(
  { ...readOnly, ...fields, name: Name, priceCents: PriceCents },
  { additionalProperties: false },
)
const ProductChange = Type.Object(
  { ...readOnly, ...fields },
  { additionalProperties: false, minProperties: 1 },
)
const BulkChange = Type.Object(
  {
    items: Type.Array(
      Type.Object({ ...readOnly, ...fields, id: Id }, { additionalProperties: false, minProperties: 2 }),
      { minItems: 1, maxItems: MOST_BULK_ITEMS },
    ),
  },
  { additionalProperties: false },
)

const ListQuery = Type.Object({
  ...PagingQuery.properties,
  ids: Type.Optional(
    Type.String({
      maxLength: 10_000,
      pattern: '^[^\\u0000]+$',
      description: 'Only these products, separated by commas',
    }),
  ),
})
const OfInstance = Type.Object({ instanceId: Type.String() })
const OfProduct = Type.Object({ instanceId: Type.String(), id: Id })

/** `/api/:instanceId/products`: list, add, change (one or many) and remove the products of a vendor. */
export const productsRoutes: FastifyPluginCallbackTypebox<{ scope: VendorScope; products: Products }> = (
  app,
  { scope, products },
  done,
) => {
  app.addHook('onRequest', scope.requireInstance)
  const about = { tags: ['products'] }
  const invalidates = (request: FastifyRequest): readonly string[] =>
    tags.productChange(scope.vendorIdOf(request))

  app.get(
    '',
    {
      schema: {
        ...about,
        summary: 'List products, in the order in which they were added',
        params: OfInstance,
        querystring: ListQuery,
        response: { 200: Type.Array(Product), ...errorResponses },
      },
      config: {
        cache: {
          ttlSeconds: FRESH_SECONDS,
          varyBy: (request) => scope.vendorIdOf(request),
          tags: (request) => [tags.vendor(scope.vendorIdOf(request))],
          headers: [NEXT_CURSOR],
        },
      },
    },
    async (request, reply) => {
      const wanted = { ...pageRequest(request.query), ids: request.query.ids?.split(',') }
      return sendPage(reply, await products.list(scope.vendorIdOf(request), wanted))
    },
  )

  app.post(
    '',
    {
      schema: {
        ...about,
        summary: 'Add a product',
        params: OfInstance,
        body: NewProduct,
        response: { 201: Product, ...errorResponses },
      },
      config: { invalidates },
    },
    async (request, reply) =>
      reply.code(201).send(await products.add(scope.vendorIdOf(request), request.body)),
  )

  app.patch(
    '/bulk',
    {
      schema: {
        ...about,
        summary: 'Change several products, all or none',
        params: OfInstance,
        body: BulkChange,
        response: { 200: Type.Array(Product), ...errorResponses },
      },
      config: { invalidates },
    },
    (request) => products.changeAll(scope.vendorIdOf(request), request.body.items),
  )

  app.put(
    '/:id',
    {
      schema: {
        ...about,
        summary: 'Change the fields that are named',
        params: OfProduct,
        body: ProductChange,
        response: { 200: Product, ...errorResponses },
      },
      config: { invalidates },
    },
    (request) => products.change(scope.vendorIdOf(request), request.params.id, request.body),
  )

  app.delete(
    '/:id',
    {
      schema: {
        ...about,
        summary: 'Remove a product; its orders stay',
        params: OfProduct,
        response: { 204: Type.Null(), ...errorResponses },
      },
      config: { invalidates },
    },
    async (request, reply) => {
      await products.remove(scope.vendorIdOf(request), request.params.id)
      return reply.code(204).send(null)
    },
  )

  done()
}
