import t from 'tap'
import { checkOptions, defaultOptions } from '../dist/options.js'

const code = 'STAY_INSTANCE_OPTION_INVALID'

t.test('without options the defaults hold, and nobody can change them', async (t) => {
  t.strictSame(checkOptions({}), { ...defaultOptions })
  t.strictSame(checkOptions(Object.fromEntries([['ttlSeconds', undefined]])), { ...defaultOptions })
  t.equal(defaultOptions.ttlSeconds, 30 * 86_400)
  t.equal(defaultOptions.renewEverySeconds, 86_400)
  t.throws(() => Object.assign(defaultOptions, { ttlSeconds: 1 }), TypeError)
})

t.test('an unknown option is refused and the nearest known one is named', async (t) => {
  const cases = [
    ['ttl', 'ttlSeconds'],
    ['ttlSecond', 'ttlSeconds'],
    ['prefix', 'keyPrefix'],
    ['decorateas', 'decorateAs'],
    ['maxbytes', 'maxBytes'],
  ] as const
  for (const [option, nearest] of cases) {
    t.throws(() => checkOptions(Object.fromEntries([[option, 1]])), {
      code,
      message: `tenant-instance-store has no option "${option}". Did you mean "${nearest}"?`,
    })
  }
})

const encryptionKey = { id: 'a', key: Buffer.alloc(32, 1) }

t.test('a value that an option cannot have is refused', async (t) => {
  const cases: readonly (readonly [option: string, value: unknown])[] = [
    ['ttlSeconds', 0],
    ['ttlSeconds', 1.5],
    ['ttlSeconds', '60'],
    ['ttlSeconds', NaN],
    ['ttlSeconds', Number.MAX_SAFE_INTEGER],
    ['maxBytes', -1],
    ['maxInstancesInMemory', null],
    ['maxInstancesInMemory', 1e15],
    ['maxLocalInstances', 1e9],
    ['encryptionKeys', [encryptionKey, { ...encryptionKey, key: Buffer.alloc(32, 2) }]],
    ['retryAfterSeconds', Infinity],
    ['decorateAs', ''],
    ['decorateAs', 1],
    ['keyPrefix', 1],
    ['share', 'yes'],
    ['instanceIdFrom', 'header'],
    ['isInstanceId', /^[a-z]+$/],
  ]
  for (const [option, value] of cases) {
    t.throws(
      () => checkOptions(Object.fromEntries([[option, value]])),
      { code },
      `${option}: ${String(value)}`,
    )
  }
})

t.test('a renewal that comes after the end is refused', async (t) => {
  t.throws(() => checkOptions({ ttlSeconds: 60 }), { code, message: /renewEverySeconds \(86400\)/ })
  t.match(checkOptions({ ttlSeconds: 60, renewEverySeconds: 59 }), { ttlSeconds: 60 })
})
