import { writeFile } from 'node:fs/promises'
import type { AdminAccess } from './admin-connection.js'
import type { RedisServerBinary } from './find-redis-server.js'
import { freePort } from './free-port.js'
import type { Guard } from './guard.js'
import { GuardedChild } from './guarded-child.js'
import { redisConfig } from './redis-config.js'
import type { RedisServerOptions } from './redis-server-options.js'
import type { ServerFiles } from './server-files.js'
import type { ServerRole } from './server-role.js'

/** What a redis-server is started with; the same at each start. */
export interface LaunchParts {
  binary: RedisServerBinary
  files: ServerFiles
  guard: Guard
  admin: AdminAccess
  options: RedisServerOptions
  role: ServerRole
}

/** A server that has not said that it is ready by then is given up. */
export const startTimeoutMs = 10_000
const portAttempts = 5

/** Starts the process on the port that was asked for, or on one that is free. */
export async function launchOnPort(parts: LaunchParts): Promise<{ child: GuardedChild; port: number }> {
  const { binary, files, admin, options, role } = parts
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort())
    const config = redisConfig(binary, files, port, admin, options, await role.lines(binary, port))
    await writeFile(files.config, config, { mode: 0o600 })
    try {
      return { child: await launch(parts), port }
    } catch (error) {
      // Somebody else took the port between our look and the server's.
      const taken = error instanceof Error && /already in use/i.test(error.message)
      if (!taken || options.port !== undefined || attempt === portAttempts) throw error
    }
  }
}

/** Starts the process with the configuration that is there; resolves when it logs a line like `until`. */
export async function launch(
  { binary, files, guard, role }: LaunchParts,
  args: readonly string[] = [],
  until: RegExp = role.ready,
): Promise<GuardedChild> {
  const child = await GuardedChild.start(guard, binary.path, [files.config, ...role.args, ...args])
  try {
    await child.waitForLine(until, startTimeoutMs)
    return child
  } catch (error) {
    await child.destroy()
    throw error
  }
}
