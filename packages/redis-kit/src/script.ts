import { createHash } from 'node:crypto'
import type { RedisArgument, RedisClient } from './client.js'

/** A Lua script with a typed result; see {@link defineScript}. */
export interface Script<Result> {
  readonly sha1: string
  /**
   * Runs the script: one EVALSHA, and one EVAL where the server does not know it yet (after a
   * restart, a failover, or SCRIPT FLUSH).
   */
  run(client: RedisClient, keys: readonly string[], args: readonly RedisArgument[]): Promise<Result>
}

/**
 * Defines a Lua script next to the store that uses it. All keys it touches must be in `keys` and, on
 * a cluster, in one slot. A script that writes must be idempotent and refuse an older stamp: a
 * command that timed out may still run later.
 *
 * @param lua - The script. KEYS, ARGV and the reply are described in the comment above the call.
 * @param parse - Turns the reply into the result; throws when the reply is none of the script's.
 */
export function defineScript<Result>(lua: string, parse: (reply: unknown) => Result): Script<Result> {
  const sha1 = createHash('sha1').update(lua).digest('hex')
  return {
    sha1,
    async run(client, keys, args) {
      try {
        return parse(await client.evalsha(sha1, keys.length, ...keys, ...args))
      } catch (error) {
        if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
        return parse(await client.eval(lua, keys.length, ...keys, ...args))
      }
    },
  }
}
