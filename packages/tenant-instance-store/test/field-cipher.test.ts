import { openLink } from '@stayfast/link-test-kit'
import { startRedisServer } from '@stayfast/test-kit'
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { FieldCipher } from '../dist/field-cipher.js'
import { codeOf, storeProcess } from './open-outage-store.js'

const [old, current] = [
  { id: 'old', key: randomBytes(32) },
  { id: 'k2', key: randomBytes(32).toString('base64') },
]

t.test('values lie encrypted in Redis and come back as they were; ids and names stay readable', async (t) => {
  const server = await startRedisServer({}, t)
  const { instances } = storeProcess(t, await openLink(t, server.url), {}, new FieldCipher([current]))
  const instance = {
    id: 'a',
    accessToken: 'very-secret',
    scopes: ['read'],
    seats: 12345678901234.5,
    none: null,
  }
  await instances.save(instance)
  const stored = JSON.stringify(await server.command('HGETALL', 'instance:a'))
  t.notMatch(stored, /very-secret|12345678901234/)
  t.match(stored, /stay1:k2:/)
  t.strictSame(await instances.get('a'), instance)
  t.match(await instances.update('a', { accessToken: 'renewed', scopes: undefined }), {
    instance: { accessToken: 'renewed' },
  })
  t.strictSame((await instances.list()).items, [
    { id: 'a', accessToken: 'renewed', seats: 12345678901234.5, none: null },
  ])
})

t.test('the same value never looks the same twice', async (t) => {
  const cipher = new FieldCipher([current])
  const fields = new Map([['"a"', '"x"']])
  t.not(cipher.encryptAll('i', fields).get('"a"'), cipher.encryptAll('i', fields).get('"a"'))
})

t.test(
  'after a change of keys old values are read, and new ones are written with the first key',
  async (t) => {
    const server = await startRedisServer({}, t)
    const link = await openLink(t, server.url)
    const direct = { answerFromMemory: false }
    const before = storeProcess(t, link, direct, new FieldCipher([old]))
    const rotated = storeProcess(t, link, direct, new FieldCipher([current, old]))
    const forgetful = storeProcess(t, link, direct, new FieldCipher([current]))
    await before.instances.save({ id: 'a', accessToken: 'secret' })
    t.strictSame(await rotated.answer('a'), { id: 'a', accessToken: 'secret' })
    t.equal(await forgetful.answer('a'), 'STAY_INSTANCE_UNDECIPHERABLE')
    await rotated.instances.save({ id: 'a', accessToken: 'secret' })
    t.strictSame(await forgetful.answer('a'), { id: 'a', accessToken: 'secret' })
  },
)

t.test('values from before encryption are read as they are', async (t) => {
  const server = await startRedisServer({}, t)
  const link = await openLink(t, server.url)
  await storeProcess(t, link).instances.save({ id: 'a', plan: 'pro' })
  t.strictSame(await storeProcess(t, link, {}, new FieldCipher([current])).answer('a'), {
    id: 'a',
    plan: 'pro',
  })
})

t.test('a value that was changed, or moved to another tenant or field, is refused', async (t) => {
  const cipher = new FieldCipher([current])
  const box: unknown = JSON.parse(
    cipher.encryptAll('a', new Map([['"token"', '"secret"']])).get('"token"') ?? '""',
  )
  const read = (id: string, name: string, value: unknown): string => {
    try {
      cipher.decryptAll({ id, [name]: value })
      return 'read'
    } catch (error) {
      t.notMatch(String(error), /secret/)
      return codeOf(error)
    }
  }
  t.equal(read('a', 'token', box), 'read')
  t.equal(read('b', 'token', box), 'STAY_INSTANCE_UNDECIPHERABLE')
  t.equal(read('a', 'other', box), 'STAY_INSTANCE_UNDECIPHERABLE')
  const text = String(box)
  for (const broken of [
    text.slice(0, -4),
    `${text.slice(0, -2)}AA`,
    'stay1:k2:',
    'stay1:',
    'stay1:nobody:AAAA',
  ]) {
    t.equal(read('a', 'token', broken), 'STAY_INSTANCE_UNDECIPHERABLE', broken.slice(0, 12))
  }
})
