import { startStopwatch } from '@stayfast/test-kit'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import health, { type HealthOptions } from '../../dist/index.js'

/** A line of an app's log. */
export interface LogLine {
  readonly level: number
  readonly msg: string
}

function isLine(value: unknown): value is LogLine {
  return typeof value === 'object' && value !== null && 'level' in value && 'msg' in value
}

/** An app that logs into a list and is closed with the test. */
export function createApp(t: Test): { app: FastifyInstance; lines: LogLine[] } {
  const lines: LogLine[] = []
  const app = Fastify({
    logger: {
      level: 'debug',
      stream: {
        write(line: string) {
          const parsed: unknown = JSON.parse(line)
          if (isLine(parsed)) lines.push({ level: parsed.level, msg: parsed.msg })
        },
      },
    },
  })
  t.teardown(() => app.close())
  return { app, lines }
}

/** An app with health on it, ready. */
export async function openApp(
  t: Test,
  options: HealthOptions = {},
  prepare: (app: FastifyInstance) => unknown = () => undefined,
): Promise<{ app: FastifyInstance; lines: LogLine[] }> {
  const created = createApp(t)
  await prepare(created.app)
  created.app.register(health, options)
  await created.app.ready()
  return created
}

/** What a probe is told, and after how long. */
export async function probe(
  app: FastifyInstance,
  url = '/api/v1/health',
  headers: Record<string, string> = {},
): Promise<{ statusCode: number; body: string; type: string; tookMs: number }> {
  const elapsedMs = startStopwatch()
  const response = await app.inject({ url, headers })
  return {
    statusCode: response.statusCode,
    body: response.body,
    type: String(response.headers['content-type']),
    tookMs: elapsedMs(),
  }
}
