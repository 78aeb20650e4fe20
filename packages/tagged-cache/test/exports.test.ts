import t from 'tap'
import * as cache from '../dist/index.js'

t.test('the package exports what its README names, and nothing else', async (t) => {
  t.strictSame(Object.keys(cache).sort(), ['cacheChannel', 'default', 'taggedCache', 'tags'])
  t.equal(cache.default, cache.taggedCache)
})
