import type { ResolvedLink } from './resolve-link.js'

/** What of a Fastify logger tells how a plugin starts. */
export interface StartLogger {
  info(message: string): void
  warn(message: string): void
}

/**
 * Says in one line what a plugin works with, so that nobody has to guess. In production a memory that
 * no other process sees is a warning.
 */
export function tellStart(log: StartLogger, plugin: string, resolved: ResolvedLink | undefined): void {
  if (resolved !== undefined) {
    log.info(`${plugin}: redis (${resolved.link.traits.provider})`)
    return
  }
  const line = `${plugin}: memory; set REDIS_URL to share and keep it`
  if (process.env['NODE_ENV'] === 'production') log.warn(line)
  else log.info(line)
}
