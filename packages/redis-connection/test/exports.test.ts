import t from 'tap'
import * as connection from '../dist/index.js'

t.test('the package exports what its README names, and nothing else', async (t) => {
  t.strictSame(Object.keys(connection).sort(), ['default', 'redisConfigErrorCodes', 'redisConnection'])
  t.equal(connection.default, connection.redisConnection)
})
