import t from 'tap'
import { eventually } from '../dist/index.js'

t.test('a check is repeated until it returns something truthy, which is the result', async (t) => {
  let calls = 0
  const answers = [false, null, 0, '', 'yes']
  t.equal(await eventually(() => answers[calls++], { everyMs: 1 }), 'yes')
  t.equal(calls, 5)
})

t.test('a check is repeated until it does not throw', async (t) => {
  let calls = 0
  await eventually(
    () => {
      if (++calls < 3) throw new Error('not yet')
    },
    { everyMs: 1 },
  )
  t.equal(calls, 3)
})

t.test('the last error comes with the time that was spent', async (t) => {
  const failing = eventually(() => Promise.reject(new Error('still closed')), { withinMs: 30, everyMs: 5 })
  await t.rejects(failing, {
    message: /^Not so after \d+ ms: still closed$/,
    cause: { message: 'still closed' },
  })
  await t.rejects(
    eventually(() => false, { withinMs: 30, everyMs: 5 }),
    { message: /returned false/ },
  )
})

t.test('a check that throws something else is quoted', async (t) => {
  const failing = eventually(() => AbortSignal.abort('a word').throwIfAborted(), { withinMs: 20, everyMs: 5 })
  await t.rejects(failing, { message: /a word/ })
})

t.test('a check that never settles does not outlast the time', async (t) => {
  const failing = eventually(() => new Promise(() => undefined), { withinMs: 30 })
  await t.rejects(failing, { message: /did not settle/ })
})
