import { type ManagedProcess, startProcess } from '@stayfast/test-kit'
import { openCatalogue } from '../dist/catalogue/open-catalogue.js'

export interface CatalogueServer {
  kind: string
  url: string
  stop(): Promise<void>
}

/** Of the storefront's tests, which need the same Postgres; started as a program, not imported. */
const script = new URL('../test-dist/postgres-process.js', import.meta.url)
const readyWhen = /^Postgres is ready: (\S+) (\S+)$/
const timeoutMs = 60_000

/** A Postgres with the demo catalogue in it, for all processes of a run. */
export async function startCatalogueServer(): Promise<CatalogueServer> {
  const server = await startProcess(script, {
    env: { NODE_OPTIONS: undefined, NODE_V8_COVERAGE: undefined },
    readyWhen,
    timeoutMs,
  })
  const [, kind = '', url = ''] = readyWhen.exec(await server.waitForLine(readyWhen)) ?? []
  try {
    const database = await openCatalogue({ kind: 'postgres', url }, () => undefined)
    await database.close()
  } catch (error) {
    await end(server)
    throw error
  }
  return { kind, url, stop: () => end(server) }
}

async function end(server: ManagedProcess): Promise<void> {
  await server.kill()
  await server.stop()
}
