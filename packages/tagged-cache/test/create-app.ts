import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import taggedCache, { type TaggedCacheOptions } from '../dist/index.js'

interface Teardown {
  teardown(fn: () => Promise<void>): void
}

export interface LogLine {
  readonly level: number
  readonly msg: string
}

function isLine(value: unknown): value is LogLine {
  return typeof value === 'object' && value !== null && 'level' in value && 'msg' in value
}

/** An app that logs into a list. */
export function createApp(
  t: Teardown,
  options: FastifyServerOptions = {},
): { app: FastifyInstance; lines: LogLine[]; log: () => string } {
  const lines: LogLine[] = []
  let text = ''
  const app: FastifyInstance = Fastify({
    ...options,
    logger: {
      level: 'debug',
      stream: {
        write(line: string) {
          text += line
          const parsed: unknown = JSON.parse(line)
          if (isLine(parsed)) lines.push({ level: parsed.level, msg: parsed.msg })
        },
      },
    },
  })
  t.teardown(() => app.close())
  return { app, lines, log: () => text }
}

/** An app with the plugin, and routes behind it. */
export async function createCachedApp(
  t: Teardown,
  options: TaggedCacheOptions,
  routes: (app: FastifyInstance) => void,
): Promise<FastifyInstance> {
  const { app } = createApp(t)
  app.register(taggedCache, options)
  app.register(async (scope) => {
    routes(scope)
  })
  await app.ready()
  return app
}
