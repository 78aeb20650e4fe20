import { tmpdir } from 'node:os'
import { realpathSync } from 'node:fs'
import t from 'tap'
import { eventually, startProcess } from '../dist/index.js'
import { isAlive } from './is-alive.js'

const program = (name: string): URL => new URL(`programs/${name}.js`, import.meta.url)

t.test('a process gets its arguments, environment and folder, and its lines are collected', async (t) => {
  const cwd = realpathSync(tmpdir())
  const talker = await startProcess(
    program('talkative'),
    { args: ['one', 'two'], env: { GREETING: 'hello', HOME: undefined }, cwd, readyWhen: /^ready$/ },
    t,
  )
  t.strictSame(talker.stdout, ['arguments one two', 'home none', `folder ${cwd}`, 'ready'])
  t.strictSame(await talker.waitForLine(/greeting/), 'greeting hello')
  t.strictSame(talker.stderr, ['greeting hello'])
  t.equal(talker.lines.length, 5)
})

t.test('a signal reaches it, its last words are kept and its exit is told', async (t) => {
  const talker = await startProcess(program('talkative'), { readyWhen: (line) => line === 'ready' }, t)
  const goodbye = talker.waitForLine(/goodbye/)
  t.strictSame(await talker.kill(), { code: 3, signal: null })
  t.equal(await goodbye, 'goodbye')
  t.strictSame(await talker.exited, { code: 3, signal: null })
  t.strictSame(await talker.kill('SIGKILL'), { code: 3, signal: null }, 'it can be killed twice')
})

t.test('a process that was killed is told apart from one that ended', async (t) => {
  const talker = await startProcess(program('talkative'), { readyWhen: /ready/ }, t)
  t.strictSame(await talker.kill('SIGKILL'), { code: null, signal: 'SIGKILL' })
})

t.test('a process can be frozen and thawed', async (t) => {
  const talker = await startProcess(program('talkative'), { readyWhen: /ready/ }, t)
  talker.signal('SIGSTOP')
  talker.signal('SIGTERM')
  await t.rejects(talker.waitForLine(/goodbye/, { timeoutMs: 50 }), {
    message: /50 ms without writing \/goodbye\//,
  })
  talker.signal('SIGCONT')
  await talker.waitForLine(/goodbye/)
  t.match(await talker.exited, { code: 3 })
})

t.test('stopping it ends what it started', async (t) => {
  await using parent = await startProcess(program('family'), { readyWhen: /grandchild/ })
  const grandchild = Number(/\d+/.exec(parent.stdout.join())?.[0])
  t.ok(isAlive(grandchild))
  await parent.stop()
  await eventually(() => !isAlive(grandchild))
})

t.test('what it started goes when it ends by itself', async (t) => {
  const parent = await startProcess(program('family'), { readyWhen: /grandchild/ }, t)
  const grandchild = Number(/\d+/.exec(parent.stdout.join())?.[0])
  await parent.kill()
  await eventually(() => !isAlive(grandchild))
})

t.test('a process that ends before it is ready is an error with its output', async (t) => {
  const failing = startProcess('/bin/sh', {
    args: ['-c', 'echo no port free >&2; exit 7'],
    readyWhen: /listening/,
  })
  await t.rejects(failing, { message: /exit code 7.*no port free/s })
  await t.rejects(startProcess('/bin/sh', { args: ['-c', 'exit 7'], readyWhen: /x/ }), {
    message: /wrote nothing/,
  })
})

t.test('a process that is not ready in time is an error and does not live on', async (t) => {
  const starting = startProcess(program('talkative'), { readyWhen: /never/, timeoutMs: 400 })
  await t.rejects(starting, { message: /400 ms without writing/ })
})

t.test('a file that cannot be executed is an error with its cause', async (t) => {
  await t.rejects(startProcess('/no/such/program'), {
    message: /could not be started/,
    cause: { code: 'ENOENT' },
  })
})
