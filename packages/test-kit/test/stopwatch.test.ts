import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { startProcess } from '../dist/index.js'

t.test('a stopwatch stands while the process stands, and runs while the program is busy', async (t) => {
  const child = await startProcess(
    new URL('programs/measure.js', import.meta.url),
    { readyWhen: /measuring/ },
    t,
  )
  child.signal('SIGSTOP')
  await delay(1000)
  child.signal('SIGCONT')
  const [, clockMs, runMs] = (await child.waitForLine(/^waited/)).split(' ').map(Number)
  t.ok(Number(clockMs) - Number(runMs) > 800, `${runMs} of ${clockMs} ms`)
  const [, busyMs, busyRunMs] = (await child.waitForLine(/^busy/)).split(' ').map(Number)
  // Beside other work a processor is not always there, and that is not counted either.
  t.ok(Number(busyRunMs) > 100 && Number(busyRunMs) <= Number(busyMs), `${busyRunMs} of ${busyMs} ms`)
})
