import fastifyStatic from '@fastify/static'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { TaggedCache } from '@stayfast/tagged-cache'
import type { FastifyBaseLogger } from 'fastify'
import { Type } from 'typebox'
import { orderStatuses } from '../catalogue/order-status.js'
import type { Vendors } from '../catalogue/vendors.js'
import {
  type ReferencedInstance,
  referencedInstance,
  type ReferenceRules,
} from '../instances/instance-reference.js'
import { type InstanceStore, openInstance } from '../instances/open-instance.js'
import { vendorOf } from '../instances/vendor-of.js'
import { shopTags } from '../webhooks/shop-tags.js'
import { type PageAssets, readPageAssets } from './page-assets.js'
import { PageTemplate } from './page-template.js'

/** Where there are demo users: everywhere but in production. */
const DEMO_HINT =
  'The password of the demo is printed where the server was started. Sign in as admin@demo.test to see every shop.'

/** `/dashboard`: the page that an app market opens for a merchant, and its assets. */
export const dashboardRoutes: FastifyPluginAsyncTypebox<{
  instances: InstanceStore
  references: ReferenceRules
  vendors: Vendors
  cache: Pick<TaggedCache, 'invalidateTags'>
}> = async (app, { instances, references, vendors, cache }) => {
  const assets = readPageAssets()
  const page = new PageTemplate(withPreloads(assets))

  await app.register(fastifyStatic, {
    root: [...assets.roots],
    prefix: assets.prefix,
    wildcard: false,
    globIgnore: [...assets.notServed],
    maxAge: '1y',
    immutable: true,
  })

  app.get(
    '/dashboard',
    {
      schema: {
        tags: ['instances'],
        summary: 'The dashboard of an instance; opening it creates or refreshes the instance',
        querystring: Type.Object({
          instance: Type.Optional(
            Type.String({ maxLength: 4_096, description: 'A signed token, or outside production a UUID' }),
          ),
        }),
      },
    },
    async (request, reply) => {
      const reference = referencedInstance(request.query.instance, references)
      const { id: instanceId } = reference
      const vendorId = await vendorOfOpened(reference, request.log)
      const vendorName = await nameOrId(vendorId)
      // The address may hold a token, so no cache keeps the answer.
      return reply
        .type('text/html; charset=utf-8')
        .header('cache-control', 'no-store')
        .send(
          page.fill({
            instanceId,
            vendorId,
            vendorName,
            email: references.allowBareId ? `${vendorId}@demo.test` : '',
            hint: references.allowBareId ? DEMO_HINT : '',
            orderStatuses: orderStatuses.join(' '),
            assets: assets.prefix,
          }),
        )
    },
  )

  async function vendorOfOpened({ id, shop }: ReferencedInstance, log: FastifyBaseLogger): Promise<string> {
    try {
      const { vendorId, created } = await openInstance(instances, id, shop)
      if (created && shop !== undefined) await cache.invalidateTags(shopTags)
      return vendorId
    } catch (error) {
      // The page opens all the same: it says what does not work, which is more than an error page does.
      log.warn({ err: error, instanceId: id }, 'the instance could not be stored; the page opens without')
      return vendorOf(id)
    }
  }

  async function nameOrId(vendorId: string): Promise<string> {
    try {
      return (await vendors.nameOf(vendorId)) ?? vendorId
    } catch (error) {
      app.log.warn({ err: error }, 'the vendor could not be read; the page shows its id')
      return vendorId
    }
  }
}

/** All modules are asked for at once, not each when another one imports it. */
function withPreloads({ page, modules }: PageAssets): string {
  const links = modules.map((file) => `<link rel="modulepreload" href="{{assets}}${file}" />`)
  return page.replace('<!-- modules -->', links.join('\n    '))
}
