import { openLink } from '@stayfast/link-test-kit'
import { RedisInstanceStore } from '../dist/stores/redis-instance-store.js'
import { longRuns, startRedisServer } from '@stayfast/test-kit'
import type { Intent } from '@stayfast/redis-kit'
import fc from 'fast-check'
import assert from 'node:assert/strict'
import t from 'tap'
import type { InstanceOperation } from '../dist/stores/instance-operation.js'
import { storeSettings } from './open-outage-store.js'

const name = fc.constantFrom('"a"', '"b"', '"c"')
const text = fc.constantFrom('1', '"x"', '[]', '{}', '12345678901234567890', 'null')
const fields = fc.array(fc.tuple(name, text), { maxLength: 3 }).map((entries) => new Map(entries))
const changes = fc
  .array(fc.tuple(name, fc.option(text, { nil: undefined })), { minLength: 1, maxLength: 3 })
  .map((entries) => new Map(entries))
const operation: fc.Arbitrary<InstanceOperation> = fc.oneof(
  fc.record({ kind: fc.constantFrom('replace' as const, 'upsert' as const, 'create' as const), fields }),
  fc.record({ kind: fc.constant('patch' as const), fields: changes }),
  fc.record({ kind: fc.constant('remove' as const) }),
)

/** Stamps of four processes in one minute. */
function stamped(operations: readonly InstanceOperation[]): Intent<InstanceOperation>[] {
  const startUs = Date.now() * 1000
  return operations.map((operation, index) => ({
    operation,
    stamp: `${String(startUs + index).padStart(16, '0')}.process${index % 4}.${String(index).padStart(8, '0')}`,
  }))
}

t.test('whatever order intents reach Redis in, and however often, the same instance comes out', async (t) => {
  const server = await startRedisServer({}, t)
  const link = await openLink(t, server.url)
  const store = new RedisInstanceStore({ ...storeSettings, link })
  let instance = 0
  let operations = 0
  const outcome = async (
    intents: readonly Intent<InstanceOperation>[],
    together: boolean,
  ): Promise<string> => {
    instance += 1
    operations += intents.length
    const id = `i-${instance}`
    await link.run(async (client) => {
      if (together) await store.replay(client, id, intents)
      else for (const intent of intents) await store.replay(client, id, [intent])
    })
    const document = await store.read(id)
    return document?.json.replace(`"${id}"`, '"id"') ?? 'none'
  }
  await fc.assert(
    fc.asyncProperty(
      fc.array(operation, { minLength: 1, maxLength: 6 }).chain((operations) => {
        const intents = stamped(operations)
        return fc.record({
          inOrder: fc.constant(intents),
          shuffled: fc.shuffledSubarray(intents, { minLength: intents.length }),
          again: fc.subarray(intents),
        })
      }),
      async ({ inOrder, shuffled, again }) => {
        const expected = await outcome(inOrder, true)
        assert.equal(await outcome([...shuffled, ...again], false), expected)
        assert.equal(await outcome([...again, ...shuffled], true), expected)
      },
    ),
    { numRuns: longRuns({ short: 400, long: 60_000 }) },
  )
  t.comment(`operations: ${operations}`)
  t.pass()
})
