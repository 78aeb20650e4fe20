import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Products } from '../catalogue/products.js'
import { errorResponses } from './error-response.js'
import type { VendorScope } from './vendor-scope.js'

const StockLevel = Type.Object({ productId: Type.String(), sku: Type.String(), stock: Type.Integer() })

/** `/api/:instanceId/inventory`: what a vendor has in stock. */
export const inventoryRoutes: FastifyPluginCallbackTypebox<{ scope: VendorScope; products: Products }> = (
  app,
  { scope, products },
  done,
) => {
  app.addHook('onRequest', scope.requireInstance)

  app.get(
    '',
    {
      schema: {
        tags: ['inventory'],
        summary: 'What is in stock, of every product',
        params: Type.Object({ instanceId: Type.String() }),
        response: { 200: Type.Array(StockLevel), ...errorResponses },
      },
    },
    (request) => products.stock(scope.vendorIdOf(request)),
  )

  done()
}
