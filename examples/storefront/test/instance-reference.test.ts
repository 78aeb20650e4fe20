import { createHmac } from 'node:crypto'
import t from 'tap'
import { instanceIdOf } from '../dist/instances/instance-reference.js'
import { vendorOf } from '../dist/instances/vendor-of.js'
import { signInstanceToken } from './sign-instance-token.js'

const id = '3f2504e0-4f89-41d3-9a0c-0305e82c330e'
const appSecret = 'the secret of the app'
const rules = { appSecret, allowBareId: true }

t.test(
  'a token that this app signed stands for its instance, whichever form of the payload was signed',
  (t) => {
    t.equal(instanceIdOf(signInstanceToken({ instanceId: id, permissions: 'OWNER' }, appSecret), rules), id)
    t.equal(instanceIdOf(signInstanceToken({ instanceId: id }, appSecret, 'json'), rules), id)
    t.end()
  },
)

t.test(
  'a token may carry the padding that many languages write, signed with it, without it, or as JSON',
  (t) => {
    const json = JSON.stringify({ instanceId: id })
    const bare = Buffer.from(json).toString('base64url')
    const padded = Buffer.from(json).toString('base64').replaceAll('+', '-').replaceAll('/', '_')
    t.match(padded, /=$/)
    for (const signed of [padded, bare, json]) {
      const signature = createHmac('sha256', appSecret).update(signed).digest('base64url')
      t.equal(instanceIdOf(`${signature}=.${padded}`, rules), id, signed)
    }
    t.throws(() => instanceIdOf(`=.${padded}`, rules), { code: 'SHOP_INSTANCE_REFERENCE_INVALID' })
    t.throws(() => instanceIdOf(`AA==.${padded}`, rules), { code: 'SHOP_INSTANCE_TOKEN_REFUSED' })
    t.end()
  },
)

t.test('a token with a wrong signature is refused with 401', (t) => {
  const other = signInstanceToken({ instanceId: id }, 'another secret')
  const [signature = '', payload = ''] = signInstanceToken({ instanceId: id }, appSecret).split('.')
  const forged = Buffer.from(JSON.stringify({ instanceId: '3f2504e0-4f89-41d3-9a0c-0305e82c330f' }))
  for (const token of [
    other,
    `${signature}.${forged.toString('base64url')}`,
    `${signature.slice(1)}.${payload}`,
  ]) {
    t.throws(() => instanceIdOf(token, rules), { code: 'SHOP_INSTANCE_TOKEN_REFUSED', statusCode: 401 })
  }
  t.end()
})

t.test('a signature over the encoded payload does not pass for one over JSON of that text', (t) => {
  const [signature = '', payload = ''] = signInstanceToken({ instanceId: id }, appSecret).split('.')
  const nested = Buffer.from(payload).toString('base64url')
  t.throws(() => instanceIdOf(`${signature}.${nested}`, rules), { code: 'SHOP_INSTANCE_REFERENCE_INVALID' })
  t.end()
})

t.test('without APP_SECRET every token is refused with 401', (t) => {
  const token = signInstanceToken({ instanceId: id }, '')
  t.throws(() => instanceIdOf(token, { appSecret: undefined, allowBareId: true }), {
    code: 'SHOP_INSTANCE_TOKEN_REFUSED',
    statusCode: 401,
    message: /APP_SECRET/,
  })
  t.end()
})

t.test('a signed payload without an instance id is 400', (t) => {
  for (const payload of [{}, { instanceId: 7 }, { instanceId: 'x' }, [], null, 'text']) {
    t.throws(() => instanceIdOf(signInstanceToken(payload, appSecret), rules), {
      code: 'SHOP_INSTANCE_REFERENCE_INVALID',
    })
  }
  t.end()
})

t.test('what is neither a token nor an id is 400', (t) => {
  for (const reference of [undefined, '', 'vendor-1', '../../etc', 'a.b.c', `${id}0`]) {
    t.throws(() => instanceIdOf(reference, rules), {
      code: 'SHOP_INSTANCE_REFERENCE_INVALID',
      statusCode: 400,
    })
  }
  t.end()
})

t.test('a bare id is accepted where that is allowed, in one spelling', (t) => {
  t.equal(instanceIdOf(id.toUpperCase(), rules), id)
  t.throws(() => instanceIdOf(id, { appSecret, allowBareId: false }), {
    code: 'SHOP_INSTANCE_REFERENCE_INVALID',
    statusCode: 400,
    message: /production/,
  })
  t.end()
})

t.test(
  'the three demo instances belong to vendors 1 to 3, any other to the vendor its last digit says',
  (t) => {
    for (const number of [1, 2, 3]) {
      t.equal(vendorOf(`00000000-0000-4000-8000-00000000000${number}`), `vendor-${number}`)
    }
    t.equal(vendorOf('3f2504e0-4f89-41d3-9a0c-0305e82c3300'), 'vendor-1')
    t.equal(vendorOf('3f2504e0-4f89-41d3-9a0c-0305e82c3304'), 'vendor-2')
    t.equal(vendorOf('3f2504e0-4f89-41d3-9a0c-0305e82c330e'), 'vendor-3')
    t.equal(vendorOf('3f2504e0-4f89-41d3-9a0c-0305e82c330f'), 'vendor-1')
    t.end()
  },
)
