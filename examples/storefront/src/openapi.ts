import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { packageInfo } from './package-info.js'

/** `/openapi.json`, made from the routes that are registered after it, and a page to try them at `/docs`. */
export const describeApi: FastifyPluginAsync = fp(
  async (app) => {
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'Storefront',
          version: packageInfo.version,
          description: 'A multi-tenant commerce back end. Prices are whole cents, times are ISO 8601 in UTC.',
        },
      },
    })
    await app.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: true,
      // Over plain http, as on a developer's machine, the page would ask for its own parts by https.
      transformStaticCSP: (policy) => policy.replace('upgrade-insecure-requests;', ''),
    })
    app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger())
  },
  { name: 'storefront-openapi', fastify: '5.x' },
)
