import { eventually, startCluster, startRedisServer } from '@stayfast/test-kit'
import { createHmac } from 'node:crypto'
import t from 'tap'
import { startRecipe } from './start-recipe.js'

const server = await startRedisServer({}, t)
const env = { REDIS_URL: server.url }
const secret = 'a secret of at least thirty-two characters'

t.test('compose two plugins: each tenant has its own cached report, right after its own order', async (t) => {
  const { ask } = await startRecipe(t, 'compose-two-plugins', env)
  for (const id of ['one', 'two']) await ask('/installed', { body: { id } })
  t.strictSame((await ask('/api/one/report')).body, { orders: 0 })
  t.strictSame((await ask('/api/two/report')).body, { orders: 0 })
  t.equal((await ask('/api/one/orders', { method: 'POST' })).status, 200)
  t.strictSame((await ask('/api/one/report')).body, { orders: 1 })
  t.equal((await ask('/api/unknown/report')).status, 404)
})

t.test('bring your own client: it serves the app, the link and the cache, under its own name', async (t) => {
  const { ask } = await startRecipe(t, 'bring-your-own-client', env)
  t.strictSame((await ask('/visits')).body, { visits: 1 })
  t.equal((await ask('/shops')).headers.get('x-cache'), 'MISS')
  t.equal((await ask('/shops')).headers.get('x-cache'), 'HIT')
  t.match(String(await server.command('CLIENT', 'LIST')), /name=shop\b/)
})

t.test('move from connect-redis: who was signed in stays so', async (t) => {
  const id = 'a-session-of-before'
  const cookie = {
    originalMaxAge: 86_400_000,
    expires: new Date(Date.now() + 86_400_000),
    httpOnly: true,
    path: '/',
  }
  await server.command('SET', `sess:${id}`, JSON.stringify({ cookie, visits: 41 }), 'EX', '86400')
  const signature = createHmac('sha256', secret).update(id).digest('base64').replace(/=+$/, '')
  const headers = { cookie: `sessionId=${encodeURIComponent(`${id}.${signature}`)}` }

  const { ask } = await startRecipe(t, 'from-connect-redis', { ...env, SESSION_SECRET: secret })
  t.strictSame((await ask('/visits', { headers })).body, { visits: 42 })
  t.strictSame((await ask('/visits', { headers })).body, { visits: 43 })
  t.equal(await server.command('EXISTS', `sess:${id}`), 0, 'its plain form is gone')
})

t.test('move from bentocache: one query until the tag is invalidated', async (t) => {
  const { ask } = await startRecipe(t, 'from-bentocache', env)
  t.strictSame((await ask('/shops/1')).body, { id: '1', name: 'old name', queries: 1 })
  t.strictSame((await ask('/shops/1')).body, { id: '1', name: 'old name', queries: 1 })
  await ask('/shops/1', { method: 'PUT', body: { name: 'new name' } })
  t.strictSame((await ask('/shops/1')).body, { id: '1', name: 'new name', queries: 2 })
})

t.test('run on Cluster: what lies on several primaries is listed whole', async (t) => {
  const cluster = await startCluster({}, t)
  const { ask } = await startRecipe(t, 'run-on-cluster', {
    REDIS_CLUSTER_NODES: cluster.nodes.map(({ host, port }) => `${host}:${port}`).join(','),
  })
  const ids = Array.from({ length: 12 }, (_, n) => `shop-${String(n).padStart(2, '0')}`)
  for (const id of ids) t.equal((await ask('/installed', { body: { id } })).status, 200)
  // What a busy machine has made wait is there as well, a moment later.
  let listed: unknown
  const isWhole = async (): Promise<boolean> => {
    listed = (await ask('/installed')).body
    return JSON.stringify(listed) === JSON.stringify({ ids })
  }
  await eventually(isWhole, { withinMs: 20_000, everyMs: 100 }).catch(() => undefined)
  t.strictSame(listed, { ids })
  for (const primary of await cluster.primaries()) {
    t.ok(Number(await primary.command('DBSIZE')) > 0, 'each primary holds some of them')
  }
})
