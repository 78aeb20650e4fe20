import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { Sessions } from '@stayfast/session'
import type { TaggedCache } from '@stayfast/tagged-cache'
import { Type } from 'typebox'
import { errorResponses } from '../api/error-response.js'
import { shopTags } from '../webhooks/shop-tags.js'
import { referencedInstance, type ReferenceRules } from './instance-reference.js'
import { type InstanceStore, openInstance } from './open-instance.js'

const Opened = Type.Object({
  id: Type.String(),
  vendorId: Type.String(),
  durability: Type.String({ description: 'How safe the write is: redis, buffered, …' }),
})

/** `POST /api/instances`: an app market tells that the app was installed. */
export const instancesRoutes: FastifyPluginCallbackTypebox<{
  instances: InstanceStore
  references: ReferenceRules
  sessions: Pick<Sessions, 'requireOwnOrigin'>
  cache: Pick<TaggedCache, 'invalidateTags'>
}> = (app, { instances, references, sessions, cache }, done) => {
  app.post(
    '/api/instances',
    {
      onRequest: sessions.requireOwnOrigin,
      config: { csrf: false },
      schema: {
        tags: ['instances'],
        summary: 'Create or refresh an instance',
        body: Type.Object({
          instance: Type.Optional(
            Type.String({ maxLength: 4_096, description: 'A signed token, or outside production a UUID' }),
          ),
        }),
        response: { 200: Opened, 201: Opened, ...errorResponses },
      },
    },
    async (request, reply) => {
      const { id, shop } = referencedInstance(request.body.instance, references)
      const { vendorId, durability, created } = await openInstance(instances, id, shop)
      if (shop !== undefined) await cache.invalidateTags(shopTags)
      return reply.code(created ? 201 : 200).send({ id, vendorId, durability })
    },
  )

  done()
}
