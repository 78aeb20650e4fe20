import { existsSync } from 'node:fs'
import t from 'tap'
import { eventually, startProcess } from '../dist/index.js'
import { isAlive } from './is-alive.js'

for (const signal of ['SIGKILL', 'SIGTERM', 'SIGINT'] as const) {
  t.test(`after a ${signal} to the test process nothing of it is left`, async (t) => {
    const parent = await startProcess(
      new URL('programs/orphans.js', import.meta.url),
      { readyWhen: /^folder/ },
      t,
    )
    const [pidLine = '', folderLine = ''] = parent.stdout
    const pids = pidLine.split(' ').slice(1).map(Number)
    const folder = folderLine.replace('folder ', '')
    t.equal(pids.length, 3)
    t.ok(pids.every(isAlive))
    t.ok(existsSync(folder))

    await parent.kill(signal)
    await eventually(() => !pids.some(isAlive))
    await eventually(() => !existsSync(folder))
  })
}
