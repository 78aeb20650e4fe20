import { openTopologyLink } from '@stayfast/link-test-kit'
import { reaches, topologies } from '@stayfast/test-kit'
import t from 'tap'
import { OutageInstanceStore } from '../dist/stores/outage-instance-store.js'
import { instanceStoreContract } from './instance-store-contract.js'
import { directly } from './open-outage-store.js'

for (const [name, start] of Object.entries(topologies)) {
  t.test(`the contract of all stores, on ${name}`, async (t) => {
    const topology = await start(t)
    const link = openTopologyLink(t, topology.access)
    await reaches(link, 'up', 10_000)
    instanceStoreContract(t, {
      durability: 'redis',
      create: async (t, { maxBytes }) => {
        await topology.empty()
        const store = new OutageInstanceStore({ ...directly, link, maxBytes })
        t.teardown(async () => {
          await store.close(0)
        })
        return store
      },
    })
  })
}
