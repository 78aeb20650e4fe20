import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startCatalogueServer } from './catalogue-server.js'
import { chooseFaults } from './faults/choose-faults.js'
import { type App } from './fleet.js'
import { outagePicture, type PicturePanel } from './outage-picture.js'
import { Progress } from './progress.js'
import { fullPace, play } from './scenario.js'

/**
 * Draws the picture of the README: the same load on a plain app and on the storefront while Redis is frozen.
 * Plays it for real; nothing in the picture is made up.
 */
const target = new URL('../../../.github/outage.svg', import.meta.url)
const fault = 'frozen'
const seed = 7
const rate = 25
const titles: Readonly<Record<App, string>> = {
  plain: 'A plain app on @fastify/redis',
  storefront: 'The same on Stayfast',
}

const catalogue = await startCatalogueServer()
try {
  const panels: PicturePanel[] = []
  for (const app of ['plain', 'storefront'] as const) {
    const [played] = chooseFaults({ only: [fault], topologies: ['single'], short: false })
    if (played === undefined) throw new Error(`there is no fault ${fault}`)
    const settings = {
      app,
      databaseUrl: catalogue.url,
      seed,
      rate,
      cycles: 1,
      pace: fullPace,
      logs: undefined,
    }
    const { records, strikes } = await play(played, settings, new Progress(titles[app], process.stdout))
    const [{ struckAtMs, healedAtMs } = { struckAtMs: 0, healedAtMs: 0 }] = strikes
    panels.push({
      title: titles[app],
      outageMs: healedAtMs - struckAtMs,
      requests: records.map(({ sentAtMs, milliseconds, outcome }) => ({
        sentAfterMs: sentAtMs - struckAtMs,
        milliseconds,
        outcome,
      })),
    })
  }
  await mkdir(dirname(fileURLToPath(target)), { recursive: true })
  await writeFile(target, outagePicture(panels, fault))
  process.stdout.write(`Drew ${fileURLToPath(target)}\n`)
} finally {
  await catalogue.stop()
}
