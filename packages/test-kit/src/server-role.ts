import type { RedisServerBinary } from './find-redis-server.js'

/** What a redis-server is started as. */
export interface ServerRole {
  /** Behind the configuration file. */
  args: readonly string[]
  /** What it logs when it takes commands. */
  ready: RegExp
  /** Lines of its configuration, made anew for each attempt to find it a port. */
  lines: (binary: RedisServerBinary, port: number) => Promise<string[][]>
}

export const standalone: ServerRole = Object.freeze({
  args: [],
  ready: /Ready to accept connections/,
  lines: () => Promise.resolve([]),
})
