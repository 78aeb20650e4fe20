// What the plugins add to the types of an app.
import type {} from '@stayfast/redis-connection'
import type {} from '@stayfast/tenant-instance-store'
import { type TeardownHost } from '@stayfast/test-kit'
import { type FastifyInstance } from 'fastify'
import t from 'tap'
import { buildApp } from '../dist/app.js'
import { type Database } from '../dist/catalogue/database.js'
import { readConfig } from '../dist/config.js'
import { DEMO_PASSWORD } from './demo-password.js'

const LEFTOVERS_MS = 30_000

// What outlives its app would hold this process until it is killed without a word: it fails, and is named.
t.teardown(() => {
  setTimeout(() => {
    process.stderr.write(`still open after all tests: ${process.getActiveResourcesInfo().join(', ')}\n`)
    process.exit(1)
  }, LEFTOVERS_MS).unref()
})

/** The whole app in this process, silent, knowing only the given environment, and closed with its owner. */
export async function openStorefront(
  owner: TeardownHost,
  environment: NodeJS.ProcessEnv = {},
  database?: Database,
): Promise<FastifyInstance> {
  const app = await buildApp(
    readConfig({ LOG_LEVEL: 'silent', RATE_LIMIT_MAX: '0', DEMO_PASSWORD, ...environment }),
    database,
  )
  owner.teardown(() => app.close())
  await app.ready()
  return app
}
