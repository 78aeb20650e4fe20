import Fastify from 'fastify'
import t from 'tap'
import tenantInstanceStore, {
  type JsonValue,
  type TenantInstance,
  type TenantInstances,
} from '../dist/index.js'

interface ShopFields {
  shop: string
  accessToken?: string
  plan: 'free' | 'paid'
}

declare module 'fastify' {
  interface FastifyInstance {
    shops: TenantInstances<ShopFields>
  }
}

t.test('a store of declared fields knows their types', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.register(tenantInstanceStore, { redis: false, decorateAs: 'shops' })
  await app.ready()
  await app.shops.save({ id: 'a', shop: 'one.example.test', plan: 'free', accessToken: 'x' })
  const { instance } = await app.shops.update('a', { plan: 'paid', accessToken: undefined })
  const plan: 'free' | 'paid' = instance.plan
  t.equal(plan, 'paid')
  // @ts-expect-error plan is missing
  await app.shops.save({ id: 'b', shop: 'two.example.test' })
  // @ts-expect-error there is no such plan
  await app.shops.update('a', { plan: 'gold' })
})

t.test('fields that nobody declared are any JSON', async (t) => {
  const instance: TenantInstance = { id: 'a', anything: [1, { more: null }] }
  const value: JsonValue | undefined = instance['anything']
  t.strictSame(value, [1, { more: null }])
  // @ts-expect-error a function is no JSON
  const wrong: TenantInstance = { id: 'a', fn: () => 1 }
  t.ok(wrong)
})
