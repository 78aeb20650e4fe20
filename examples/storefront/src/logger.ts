import { destination, type Logger, pino, stdSerializers } from 'pino'
import { pathOf } from './error-handling.js'

/** JSON lines, or readable ones where a person is looking on. */
export async function createLogger(level: string): Promise<Logger> {
  const options = {
    level,
    serializers: {
      ...stdSerializers,
      // The query is left out: it may hold an instance token.
      req: (request: { method: string; url: string }) => ({
        method: request.method,
        path: pathOf(request.url),
      }),
    },
  }
  if (!process.stdout.isTTY) return pino(options, destination({ dest: 1, sync: true }))
  const { default: pretty } = await import('pino-pretty')
  return pino(options, pretty({ sync: true, ignore: 'pid,hostname', translateTime: 'HH:MM:ss' }))
}
