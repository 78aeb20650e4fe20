import t from 'tap'
import { checkOptions, optionRule, type OptionRules } from '../dist/index.js'

interface Options {
  readonly size?: number
  readonly mode?: 'open' | 'closed' | false
  readonly ttlSeconds?: number
  readonly token?: string
}

const rules: OptionRules<Options> = {
  size: optionRule.wholeNumber(1, 10),
  mode: optionRule.oneOf('open', 'closed', false),
  ttlSeconds: optionRule.seconds,
  token: optionRule.name,
}

function check(given: object): Options {
  return checkOptions<Options>('sample', given, rules, (message) => new RangeError(message))
}

t.test('what is given comes back, without what is undefined', (t) => {
  t.strictSame(check({ size: 3, mode: false, token: undefined }), { size: 3, mode: false })
  t.strictSame(check({}), {})
  t.end()
})

t.test("an option that does not exist throws the plugin's own error and names the nearest", (t) => {
  t.throws(() => check({ ttl: 3 }), {
    name: 'RangeError',
    message: 'sample has no option "ttl". Did you mean "ttlSeconds"?',
  })
  t.throws(() => check({ zzzzzzzz: 3 }), { message: /Known names: size, mode, ttlSeconds, token\.$/ })
  t.throws(() => check({ constructor: 3 }), { message: /has no option "constructor"/ })
  t.end()
})

t.test('a value that an option cannot have is refused with what it takes, and is never repeated', (t) => {
  t.throws(() => check({ size: 11 }), {
    message: 'The option size of sample takes a whole number from 1 to 10.',
  })
  t.throws(() => check({ size: 1.5 }), { name: 'RangeError' })
  t.throws(() => check({ ttlSeconds: 1e12 }), { message: /takes a whole number of seconds from 1 to/ })
  t.throws(() => check({ mode: 'secret-value' }), {
    message: "The option mode of sample takes 'open' or 'closed' or false.",
  })
  t.throws(() => check({ token: '' }), {
    message: 'The option token of sample takes a name that is not empty.',
  })
  t.throws(() => check([]), { message: 'The options of sample are an object.' })
  t.end()
})
