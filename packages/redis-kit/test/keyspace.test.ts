import fc from 'fast-check'
import { longRuns } from '@stayfast/test-kit'
import t from 'tap'
import { Keyspace } from '../dist/keyspace.js'

/** Strings that have broken key builders: separators, hash tags, globs, NUL, other scripts, lone surrogates, 10 KB. */
const nasty = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom(':', '{', '}', '*', '?', '[', ']', '\\', '%', '~', '\0', ' ', 'a') }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
  fc.constantFrom('', ':', '%003a', '%', '~', '{}', 'x'.repeat(10_240), 'é'.repeat(10_240), '日本語'),
)
const parts = fc.array(nasty, { maxLength: 4 })

/** What Redis sees: two strings that differ only in lone surrogates are the same bytes there. */
function bytes(key: string): string {
  return Buffer.from(key, 'utf8').toString('hex')
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((part, index) => part === b[index])
}

t.test('two different lists of parts never meet in one key', async (t) => {
  const keyspace = new Keyspace('app:')
  fc.assert(
    fc.property(parts, parts, (a, b) => {
      const meet = bytes(keyspace.key('session', ...a)) === bytes(keyspace.key('session', ...b))
      return meet === sameList(a, b)
    }),
    { numRuns: longRuns({ short: 5000, long: 200_000 }) },
  )
  t.pass()
})

t.test('a list and its concatenation are different keys', async (t) => {
  const keyspace = new Keyspace()
  fc.assert(fc.property(nasty, nasty, (a, b) => keyspace.key('x', a, b) !== keyspace.key('x', `${a}:${b}`)))
  t.pass()
})

t.test('two different paths never meet in one key', async (t) => {
  const keyspace = new Keyspace('app:')
  fc.assert(
    fc.property(nasty, nasty, (a, b) => {
      return (bytes(keyspace.path('cache', a)) === bytes(keyspace.path('cache', b))) === (a === b)
    }),
    { numRuns: longRuns({ short: 5000, long: 200_000 }) },
  )
  t.pass()
})

t.test('no key leaves its prefix and its kind', async (t) => {
  const keyspace = new Keyspace('tenant-a:')
  fc.assert(
    fc.property(nasty, parts, (path, list) => {
      return (
        keyspace.key('session', ...list, path).startsWith('tenant-a:session:') &&
        keyspace.path('session', path).startsWith('tenant-a:session:') &&
        keyspace.inSlot('session', path, ...list).startsWith('tenant-a:session:{') &&
        keyspace.beside('lock', keyspace.path('session', path)).startsWith('tenant-a:lock:{tenant-a:session:')
      )
    }),
  )
  t.pass()
})

t.test('only the builder puts braces into a key, one pair of them, never empty', async (t) => {
  const keyspace = new Keyspace()
  fc.assert(
    fc.property(nasty, parts, (slot, list) => {
      const key = keyspace.inSlot('session', slot, ...list)
      return (
        /^session:\{[^{}]+\}[^{}]*$/u.test(key) &&
        !/[{}]/.test(keyspace.key('session', slot, ...list)) &&
        !/[{}]/.test(keyspace.path('cache', slot))
      )
    }),
  )
  t.pass()
})

t.test('keys are bounded, free of white space, control characters and wildcards', async (t) => {
  const keyspace = new Keyspace()
  fc.assert(
    fc.property(nasty, (part) => {
      const key = keyspace.key('session', part)
      return Buffer.byteLength(key) <= 'session:'.length + 512 && !/[\s\p{Cc}*?[\]\\]/u.test(key)
    }),
  )
  t.pass()
})

t.test('ordinary ids stay readable', async (t) => {
  const keyspace = new Keyspace()
  t.equal(
    keyspace.key('instance', '00000000-0000-4000-8000-000000000001'),
    'instance:00000000-0000-4000-8000-000000000001',
  )
  t.equal(
    keyspace.path('cache', 'analytics:vendor-1:snapshot:2026-10-01'),
    'cache:analytics:vendor-1:snapshot:2026-10-01',
  )
  t.equal(keyspace.key('shop', 'müller.example'), 'shop:müller.example')
})

t.test('a prefix given as a function is asked for each key', async (t) => {
  let prefix = ''
  const keyspace = new Keyspace(() => prefix)
  t.equal(keyspace.key('job', '1'), 'job:1')
  prefix = 'queue:'
  t.equal(keyspace.key('job', '1'), 'queue:job:1')
})

t.test('the pattern of a kind escapes the wildcards of its prefix', async (t) => {
  t.equal(new Keyspace('a*b:').pattern('instance'), 'a\\*b:instance:*')
})
