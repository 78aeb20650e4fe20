import t from 'tap'
import { didYouMean, nearestName } from '../dist/index.js'

t.test('a misspelt name finds the known one, whatever its case', (t) => {
  t.equal(nearestName('paswword', ['password', 'port']), 'password')
  t.equal(nearestName('KEYPREFIX', ['keyPrefix', 'port']), 'keyPrefix')
  t.equal(nearestName('prefix', ['keyPrefix', 'port']), 'keyPrefix')
  t.equal(nearestName('ttl', ['port', 'ttlSeconds']), 'ttlSeconds')
  t.end()
})

t.test('a name that is near to none finds none, and the sentence lists them all', (t) => {
  t.equal(nearestName('zzzzzz', ['host', 'port']), undefined)
  t.equal(nearestName('host', []), undefined)
  t.equal(didYouMean('zzzzzz', ['host', 'port']), 'Known names: host, port.')
  t.equal(didYouMean('hst', ['host', 'port']), 'Did you mean "host"?')
  t.end()
})
