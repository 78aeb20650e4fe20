import t from 'tap'
import * as session from '../dist/index.js'

t.test('the package exports what its README names, and nothing else', async (t) => {
  t.strictSame(Object.keys(session).sort(), ['createSessionStore', 'default', 'session'])
  t.equal(session.default, session.session)
})
