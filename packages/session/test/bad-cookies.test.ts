import fastifyCookie from '@fastify/cookie'
import t from 'tap'
import { Browser } from './browser.js'
import { createShop, https, otherSecret, secret } from './create-app.js'

const { app, browser } = await createShop(t, { redis: false })
const ada = browser()
await ada.post('/login', { userId: 'ada' })
const [genuine = ''] = ada.cookies.values()
const name = '__Host-sid'

async function answer(cookie: string): Promise<{ status: number; cleared: boolean }> {
  const response = await app.inject({ url: '/me', headers: { ...https, cookie } })
  const sent = response.cookies.find((each) => each.name === name)
  return { status: response.statusCode, cleared: sent?.value === '' && sent.secure === true }
}

t.test(
  'a cookie that is broken, cut off, too long or somebody else’s is nobody’s, and is taken away',
  async (t) => {
    const id = decodeURIComponent(genuine).split('.')[0] ?? ''
    const foreign = new fastifyCookie.Signer(otherSecret).sign(id)
    for (const [what, value] of [
      ['no signature', id],
      ['an empty signature', `${id}.`],
      ['a signature alone', `.${genuine.split('.')[1] ?? ''}`],
      ['cut off', genuine.slice(0, -1)],
      ['one more character', `${genuine}x`],
      ['another id', `x${genuine.slice(1)}`],
      ['signed with another secret', foreign],
      ['long', `${'x'.repeat(8000)}.${'y'.repeat(43)}`],
      ['points', '.'.repeat(200)],
      ['a broken escape', '%E0%A4%A'],
      ['a NUL', '%00'],
      ['unicode', encodeURIComponent('世界.世界')],
      ['__proto__', '__proto__'],
      ['an object', 'j:{"a":1}'],
    ] as const) {
      t.strictSame(await answer(`${name}=${value}`), { status: 401, cleared: true }, what)
    }
    t.strictSame(await answer(`${name}=${genuine}`), { status: 200, cleared: false })
  },
)

t.test('cookie headers of all kinds do not end a request in an error', async (t) => {
  for (const cookie of [
    '',
    ';',
    '=',
    name,
    `${name}=`,
    `=${genuine}`,
    ';;;',
    `a=${'x'.repeat(10_000)}`,
    `"${name}=x"`,
  ]) {
    t.equal((await answer(cookie)).status, 401, cookie.slice(0, 20))
  }
})

t.test('of two cookies of one name the genuine one counts, wherever it stands', async (t) => {
  t.equal((await answer(`${name}=planted; ${name}=${genuine}`)).status, 200)
  t.equal((await answer(`${name}=${genuine}; ${name}=planted`)).status, 200)
  t.equal((await answer(`x${name}=${genuine}`)).status, 401)
})

t.test('an id that the client chose is not taken over: who signs in gets a new one', async (t) => {
  const signer = new fastifyCookie.Signer(secret)
  for (const id of [
    'chosen',
    `${'v'.repeat(22)}~${'x'.repeat(32)}`,
    decodeURIComponent(genuine).split('.')[0] ?? '',
  ]) {
    const victim = browser()
    // Not even one with a genuine signature.
    victim.cookies.set(name, encodeURIComponent(signer.sign(id)))
    await victim.post('/login', { userId: 'victim' })
    const [after = ''] = victim.cookies.values()
    t.notOk(decodeURIComponent(after).startsWith(id), id.slice(0, 10))
    const attacker = new Browser(app, https)
    attacker.cookies.set(name, encodeURIComponent(signer.sign(id)))
    t.strictSame((await attacker.get('/who')).json(), { who: null })
  }
})

t.test('a visitor’s id that was never stored becomes no session by being sent', async (t) => {
  const attacker = browser()
  await attacker.post('/cart', { item: 'planted' })
  const planted = attacker.fork()
  const victim = attacker.fork()
  await victim.post('/login', { userId: 'victim' })
  t.strictSame((await victim.get('/cart')).json(), [], 'nothing planted goes along')
  t.strictSame((await planted.get('/who')).json(), { who: null })
  t.strictSame((await planted.get('/cart')).json(), [])
})

t.test('a cookie that is sent again after the sign-out is nobody’s', async (t) => {
  const eve = browser()
  await eve.post('/login', { userId: 'eve' })
  const replayed = eve.fork()
  await eve.post('/logout')
  for (let round = 0; round < 3; round += 1) {
    const response = await replayed.fork().get('/me')
    t.equal(response.statusCode, 401)
  }
})

t.test('a header full of cookies of the name costs no more than a few signatures', async (t) => {
  const visitor = browser()
  await visitor.post('/login', { userId: 'grace' })
  const [own = ''] = visitor.cookies.values()
  const few = `${name}=a.b; `.repeat(63)
  const many = `${name}=a.b; `.repeat(64)
  t.strictSame(await answer(`${few}${name}=${own}`), { status: 200, cleared: false })
  t.equal((await answer(`${many}${name}=${own}`)).status, 401)
})
