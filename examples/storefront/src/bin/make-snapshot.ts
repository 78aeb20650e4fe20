import { makeSnapshot } from '../catalogue/snapshot.js'

const startedMs = performance.now()
const { made, path } = await makeSnapshot()
const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
process.stdout.write(
  made
    ? `Made the catalogue snapshot ${path} in ${seconds} s.\n`
    : `The catalogue snapshot is up to date: ${path}\n`,
)
