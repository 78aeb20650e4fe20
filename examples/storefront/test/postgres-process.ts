import { startPostgres } from './postgres-server.js'

/**
 * The Postgres that both processes share, in a process of its own: where none is installed it is PGlite, whose
 * queries would otherwise run between the requests that are timed.
 */
const stops: (() => Promise<void>)[] = []
const { kind, url } = await startPostgres({ teardown: (stop) => stops.unshift(stop) })
process.once('SIGTERM', () => void stopAll())
process.stdout.write(`Postgres is ready: ${kind} ${url}\n`)

async function stopAll(): Promise<void> {
  for (const stop of stops) await stop()
  process.exit()
}
