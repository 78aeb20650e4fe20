import t from 'tap'
import * as store from '../dist/index.js'

t.test('the package exports what its README names, and nothing else', async (t) => {
  t.strictSame(Object.keys(store).sort(), ['default', 'tenantInstanceStore'])
  t.equal(store.default, store.tenantInstanceStore)
})
