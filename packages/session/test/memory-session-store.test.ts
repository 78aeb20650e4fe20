import t from 'tap'
import { MemorySessionStore } from '../dist/stores/memory-session-store.js'
import { addressOf, newSessionId } from '../dist/session-id.js'
import { lifetimes, newAddress, sessionStoreContract, signedIn, visitor } from './session-store-contract.js'

t.test('the contract of all stores', async (t) => {
  sessionStoreContract(t, {
    durability: 'buffered',
    create: async (_t, given) => {
      let nowMs = 1_000_000
      return {
        store: new MemorySessionStore({ ...given, maxSessions: 1000, clock: { now: () => nowMs } }),
        later: async (ms) => {
          nowMs += ms
        },
        nowUs: async () => nowMs * 1000,
      }
    },
  })
})

t.test('at the limit a new session is refused, and none that was accepted is dropped', async (t) => {
  let nowMs = 1
  const store = new MemorySessionStore({ ...lifetimes, maxSessions: 3, clock: { now: () => nowMs } })
  const addresses = [newAddress(), newAddress('bob'), addressOf(newSessionId())]
  for (const address of addresses) await store.create(address, visitor())
  await t.rejects(store.create(newAddress(), signedIn()), {
    code: 'STAY_SESSION_STORE_FULL',
    statusCode: 503,
  })
  for (const address of addresses) t.ok(await store.load(address))
  await store.destroy(newAddress())
  t.equal(store.size, 3)
  nowMs += lifetimes.idleSeconds * 1000
  t.match(await store.create(newAddress(), signedIn()), { kind: 'created' }, 'those that expired make room')
  t.equal(store.size, 1)
})
