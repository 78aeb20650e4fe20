import Fastify, { type FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import webhooks, { hmac, type WebhooksOptions } from '../dist/index.js'
import { testSecret } from './signed-event.js'

export interface OpenedApp {
  readonly app: FastifyInstance
  /** What it has logged, from debug on. */
  readonly lines: () => string
}

/** An app that takes webhooks of a generic sender; what is done with them is up to `prepare`. */
export async function openApp(
  t: Test,
  options: Partial<WebhooksOptions> = {},
  prepare: (app: FastifyInstance) => void = () => undefined,
): Promise<OpenedApp> {
  const lines: string[] = []
  const stream = { write: (line: string) => void lines.push(line) }
  const app = Fastify({ logger: { level: 'debug', stream } })
  app.register(webhooks, {
    providers: { generic: hmac({ secrets: testSecret }) },
    env: false,
    backoffDelayMs: 20,
    ...options,
  })
  app.after(() => {
    prepare(app)
  })
  t.teardown(() => app.close())
  await app.ready()
  return { app, lines: () => lines.join('') }
}
