// What the plugins add to the types of an app.
import type {} from '@stayfast/redis-connection'
import type {} from '@stayfast/tenant-instance-store'
import { type TeardownHost } from '@stayfast/test-kit'
import { type FastifyInstance } from 'fastify'
import { buildApp } from '../dist/app.js'
import { type Database } from '../dist/catalogue/database.js'
import { readConfig } from '../dist/config.js'

/** Of all demo users. */
export const DEMO_PASSWORD = 'the password of the demo'

/** The whole app in this process, silent, knowing only the given environment, and closed with its owner. */
export async function openStorefront(
  owner: TeardownHost,
  environment: NodeJS.ProcessEnv = {},
  database?: Database,
): Promise<FastifyInstance> {
  const app = await buildApp(readConfig({ LOG_LEVEL: 'silent', DEMO_PASSWORD, ...environment }), database)
  owner.teardown(() => app.close())
  await app.ready()
  return app
}
