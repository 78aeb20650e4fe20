import { startRedisServer } from '@stayfast/test-kit'
import t from 'tap'
import { cacheContract } from './cache-contract.js'
import { openProcess } from './open-cache.js'

const server = await startRedisServer({}, t)
t.beforeEach(async () => {
  await server.command('flushall')
})

cacheContract(t, (t, options) => openProcess(t, server.url, options), { shared: true })
