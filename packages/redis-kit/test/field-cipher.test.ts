import { randomBytes } from 'node:crypto'
import t from 'tap'
import { FieldCipher, optionRule, type EncryptionKey, type Undecipherable } from '../dist/index.js'

const old = { id: 'old', key: randomBytes(32) }
const current = { id: 'k2', key: randomBytes(32).toString('base64') }

/** Tells all that there is to tell but the cause. */
function refuse(why: Undecipherable): Error {
  return new Error(why.kind === 'unknown-key' ? `${why.name}: no key ${why.keyId}` : `${why.name}: broken`)
}

function cipherOf(...keys: EncryptionKey[]): FieldCipher {
  return new FieldCipher(keys, refuse)
}

t.test('a value comes back as it was, is JSON in between, and never looks the same twice', (t) => {
  const cipher = cipherOf(current)
  const text = '"naïve \\" 🦊"'
  const [one, other] = [cipher.encrypt('ada', 'token', text), cipher.encrypt('ada', 'token', text)]
  t.match(JSON.parse(one), /^stay1:k2:[\w-]+$/)
  t.not(one, other)
  t.equal(cipher.decrypt('ada', 'token', one), text)
  t.equal(cipher.decrypt('ada', 'token', other), text)
  t.end()
})

t.test('without keys values pass as they are, encrypted ones as well', (t) => {
  const none = cipherOf()
  t.equal(none.active, false)
  t.equal(none.encrypt('ada', 'token', '"x"'), '"x"')
  const fields = new Map([['token', '"x"']])
  t.equal(none.encryptAll('ada', fields), fields)
  const encrypted = cipherOf(current).encrypt('ada', 'token', '"x"')
  t.equal(none.decrypt('ada', 'token', encrypted), encrypted)
  t.end()
})

t.test('values from before encryption are read as they are', (t) => {
  for (const text of ['"x"', '5', 'null', '{"stay1":1}', '"stay2:k2:AAAA"']) {
    t.equal(cipherOf(current).decrypt('ada', 'token', text), text)
  }
  t.end()
})

t.test('the first key encrypts, all of them decrypt', (t) => {
  const before = cipherOf(old).encrypt('ada', 'token', '"x"')
  const rotated = cipherOf(current, old)
  t.equal(rotated.decrypt('ada', 'token', before), '"x"')
  t.match(rotated.encrypt('ada', 'token', '"x"'), /^"stay1:k2:/)
  t.throws(() => cipherOf(current).decrypt('ada', 'token', before), { message: 'token: no key old' })
  t.end()
})

t.test('a value that was changed, or moved to another owner or field, is refused', (t) => {
  const cipher = cipherOf(current)
  const encrypted = cipher.encrypt('ada', 'token', '"secret"')
  const broken = { message: 'token: broken' }
  t.throws(() => cipher.decrypt('bob', 'token', encrypted), broken)
  t.throws(() => cipher.decrypt('ada', 'other', encrypted), { message: 'other: broken' })
  // Owner and name together are the same text, and yet another place.
  t.throws(() => cipher.decrypt('ada\n"token"', '', encrypted), { message: ': broken' })
  const renamed = { ...current, key: randomBytes(32) }
  t.throws(() => cipherOf(renamed).decrypt('ada', 'token', encrypted), broken, 'another key of that id')
  for (const text of [`${encrypted.slice(0, -5)}"`, `${encrypted.slice(0, -3)}AA"`, '"stay1:k2:"']) {
    t.throws(() => cipher.decrypt('ada', 'token', text), broken)
  }
  t.throws(() => cipher.decrypt('ada', 'token', '"stay1:'), { message: 'token: no key ' })
  t.end()
})

t.test('many at once: what is removed stays undefined, and names may be read from the keys', (t) => {
  const cipher = cipherOf(current)
  const plain = cipher.encryptAll(
    'ada',
    new Map([
      ['token', '"x"'],
      ['gone', undefined],
    ] as const),
  )
  t.equal(cipher.decrypt('ada', 'token', plain.get('token') ?? ''), '"x"')
  t.ok(plain.has('gone'))
  t.equal(plain.get('gone'), undefined)
  const byText = cipher.encryptAll('ada', new Map([['"token"', '"x"']]), (key) => String(JSON.parse(key)))
  t.equal(cipher.decrypt('ada', 'token', byText.get('"token"') ?? ''), '"x"')
  t.end()
})

t.test('the option takes keys of 32 bytes with readable ids, and nothing else', (t) => {
  const { accepts } = optionRule.encryptionKeys
  t.ok(accepts([]))
  t.ok(accepts([current, old]))
  for (const wrong of [
    current,
    [{ ...old, id: 'a:b' }],
    [{ ...old, id: '' }],
    [{ id: 'short', key: randomBytes(31) }],
    [{ id: 'text', key: 'x'.repeat(32) }],
    [{ id: 'none' }],
    ['text'],
    [old, { ...current, id: old.id }],
  ]) {
    t.notOk(accepts(wrong))
  }
  t.end()
})
