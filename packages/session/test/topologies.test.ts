import { openTopologyLink } from '@stayfast/link-test-kit'
import { reaches, topologies } from '@stayfast/test-kit'
import t from 'tap'
import { OutageSessionStore } from '../dist/stores/outage-session-store.js'
import { outageSettings } from './open-session-process.js'
import { sessionStoreContract } from './session-store-contract.js'

for (const [name, start] of Object.entries(topologies)) {
  t.test(`the contract of all stores, on ${name}`, async (t) => {
    const topology = await start(t)
    const link = openTopologyLink(t, topology.access)
    await reaches(link, 'up', 10_000)
    sessionStoreContract(t, {
      durability: 'redis',
      create: async (t, given) => {
        await topology.empty()
        const store = new OutageSessionStore({ ...outageSettings, ...given, link, onOutage: 'closed' })
        t.teardown(async () => {
          await store.close(0)
        })
        return {
          store,
          later: async (ms, addresses) => {
            for (const { tag, digest } of addresses) {
              const key = `sess:{${tag}}:${digest}`
              // Only what is there: an age alone would make a session of nothing.
              await link.run(async (redis) => {
                if ((await redis.call('EXISTS', key)) !== 1) return
                await redis.call('HINCRBY', key, 'c', -ms)
                await redis.call('HINCRBY', key, 's', -ms)
              })
            }
          },
          nowUs: async () => {
            const time = await link.run((redis) => redis.call('TIME'))
            const [seconds, micros] = Array.isArray(time) ? time.map(Number) : []
            return (seconds ?? NaN) * 1_000_000 + (micros ?? NaN)
          },
        }
      },
    })
  })
}
