import t from 'tap'
import * as exported from '../dist/index.js'

t.test('the package exports what its README names, and nothing else', async (t) => {
  t.strictSame(Object.keys(exported).sort(), ['default', 'health', 'healthReport'])
  t.equal(exported.default, exported.health)
})
