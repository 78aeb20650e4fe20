import { eventually } from '@stayfast/test-kit'
import type { Test } from 'tap'
import type { ReceiptStore, ReceiptTimes } from '../dist/receipts/receipt-store.js'

const key = { provider: 'shopify', tenantId: 'one.example.test', id: 'w-1' }
const claimed = { kind: 'claimed' }
const duplicate = { kind: 'duplicate' }
const conflict = { kind: 'conflict' }
const claiming = { kind: 'claiming' }

/** What every store of receipts does, in whatever order its callers come and die. */
export function receiptStoreContract(
  t: Test,
  create: (t: Test, times: ReceiptTimes) => Promise<ReceiptStore>,
): void {
  const patient = { claimSeconds: 60, rememberSeconds: 600 }
  const hasty = { claimSeconds: 0.15, rememberSeconds: 600 }

  t.test(
    'of an event one attempt claims, the others wait, and once it is accepted they are duplicates',
    async (t) => {
      const store = await create(t, patient)
      t.match(await store.claim(key, 'f', 'one'), claimed)
      const other = await store.claim(key, 'f', 'two')
      t.match(other, claiming)
      t.ok(other.kind === 'claiming' && other.endsInMs > 30_000 && other.endsInMs <= 60_000)
      t.match(await store.claim(key, 'other content', 'three'), claiming)
      await store.accept(key, 'f')
      t.match(await store.claim(key, 'f', 'two'), duplicate)
      t.match(await store.claim(key, 'f', 'one'), duplicate)
    },
  )

  t.test('a claim whose answer was lost is made again by the same attempt', async (t) => {
    const store = await create(t, patient)
    t.match(await store.claim(key, 'f', 'one'), claimed)
    t.match(await store.claim(key, 'f', 'one'), claimed)
  })

  t.test('the same id with another content is a conflict, for good', async (t) => {
    const store = await create(t, patient)
    await store.claim(key, 'f', 'one')
    await store.accept(key, 'f')
    t.match(await store.claim(key, 'other content', 'two'), conflict)
    await store.accept(key, 'other content')
    t.match(await store.claim(key, 'f', 'three'), duplicate)
  })

  t.test('events of other tenants and other senders are other events, whatever their ids hold', async (t) => {
    const store = await create(t, patient)
    await store.claim(key, 'f', 'one')
    await store.accept(key, 'f')
    for (const other of [
      { ...key, tenantId: 'two.example.test' },
      { ...key, provider: 'generic' },
      { ...key, id: 'w-1 ' },
      { provider: 'shopify', tenantId: 'one.example.test:w', id: '1' },
      { provider: 'shopify', tenantId: '', id: 'one.example.test:w-1' },
      { ...key, id: '{*}\n💥'.repeat(100) },
    ]) {
      t.match(await store.claim(other, 'f', 'two'), claimed)
    }
  })

  t.test('crash while claiming: the lease ends and the retry goes through', async (t) => {
    const store = await create(t, hasty)
    await store.claim(key, 'f', 'dead')
    t.match(await store.claim(key, 'f', 'retry'), claiming)
    await eventually(async () => (await store.claim(key, 'f', 'retry')).kind === 'claimed')
    await store.accept(key, 'f')
    t.match(await store.claim(key, 'f', 'another'), duplicate)
  })

  t.test('a claim that was given back can be made at once, and only its owner gives it back', async (t) => {
    const store = await create(t, patient)
    await store.claim(key, 'f', 'one')
    await store.release(key, 'two')
    t.match(await store.claim(key, 'f', 'two'), claiming)
    await store.release(key, 'one')
    t.match(await store.claim(key, 'f', 'two'), claimed)
    await store.release(key, 'one')
    t.match(await store.claim(key, 'f', 'three'), claiming)
    await store.accept(key, 'f')
    await store.release(key, 'two')
    t.match(await store.claim(key, 'f', 'three'), duplicate, 'what was accepted stays so')
  })

  t.test('a slow owner accepts although its lease ran out and somebody else claims', async (t) => {
    const store = await create(t, hasty)
    await store.claim(key, 'f', 'slow')
    await eventually(async () => (await store.claim(key, 'f', 'second')).kind === 'claimed')
    await store.accept(key, 'f')
    t.match(await store.claim(key, 'f', 'third'), duplicate)
    await store.accept(key, 'f')
    await store.release(key, 'second')
    t.match(await store.claim(key, 'f', 'third'), duplicate)
  })

  t.test('a slow owner does not accept over a claim of another content', async (t) => {
    const store = await create(t, hasty)
    await store.claim(key, 'f', 'slow')
    await eventually(async () => (await store.claim(key, 'g', 'second')).kind === 'claimed')
    await store.accept(key, 'f')
    await store.accept(key, 'g')
    t.match(await store.claim(key, 'g', 'third'), duplicate)
    t.match(await store.claim(key, 'f', 'third'), conflict)
  })

  t.test('a worker accepts what nobody claims any more', async (t) => {
    const store = await create(t, patient)
    await store.accept(key, 'f')
    t.match(await store.claim(key, 'f', 'retry'), duplicate)
  })

  t.test('of many attempts at one instant exactly one claims', async (t) => {
    const store = await create(t, patient)
    const claims = await Promise.all(
      Array.from({ length: 50 }, (_, index) => store.claim(key, 'f', `attempt ${index}`)),
    )
    t.equal(claims.filter(({ kind }) => kind === 'claimed').length, 1)
    t.equal(claims.filter(({ kind }) => kind === 'claiming').length, 49)
  })

  t.test('what was accepted is forgotten after its time', async (t) => {
    const store = await create(t, { claimSeconds: 60, rememberSeconds: 0.15 })
    await store.accept(key, 'f')
    t.match(await store.claim(key, 'f', 'one'), duplicate)
    await eventually(async () => (await store.claim(key, 'g', 'one')).kind === 'claimed')
  })
}
