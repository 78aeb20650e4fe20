import Fastify, {
  type FastifyInstance,
  type FastifyServerOptions,
  type LightMyRequestResponse,
} from 'fastify'
import type { Test } from 'tap'
import rateLimit, { type RateLimitOptions } from '../dist/index.js'

/** An app with the plugin and what it has logged. */
export interface OpenApp {
  readonly app: FastifyInstance
  readonly lines: { readonly level: number; readonly msg: string }[]
}

function isLine(value: unknown): value is { level: number; msg: string } {
  return typeof value === 'object' && value !== null && 'level' in value && 'msg' in value
}

/** Registers the plugin, in memory unless told otherwise, and `GET /` and `GET /other`. */
export async function openApp(
  t: Test,
  options: RateLimitOptions = {},
  routes: (app: FastifyInstance) => void = () => undefined,
  settings: FastifyServerOptions = {},
): Promise<OpenApp> {
  const lines: OpenApp['lines'] = []
  const stream = {
    write(line: string) {
      const parsed: unknown = JSON.parse(line)
      if (isLine(parsed)) lines.push(parsed)
    },
  }
  const app = Fastify({ ...settings, logger: { level: 'info', stream } })
  t.teardown(() => app.close())
  await app.register(rateLimit, { redis: false, ...options })
  app.get('/', async () => 'ok')
  app.get('/other', async () => 'ok')
  routes(app)
  await app.ready()
  return { app, lines }
}

/** Status codes of so many requests, one after the other. */
export async function statuses(
  app: FastifyInstance,
  count: number,
  request: string | { url: string; [option: string]: unknown } = '/',
): Promise<number[]> {
  const found: number[] = []
  for (let i = 0; i < count; i += 1) found.push((await app.inject(request)).statusCode)
  return found
}

/** The headers of a response that tell of limits. */
export function limitHeaders({ headers }: LightMyRequestResponse): Record<string, unknown> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => /ratelimit|retry-after/.test(name)))
}
