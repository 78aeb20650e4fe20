import type { RedisClient } from './client.js'

/**
 * Asks for a sign of life by TIME.
 *
 * @returns The reply; undefined from a server that answers that it is not allowed, and so is alive.
 */
export async function signOfLife(client: RedisClient): Promise<unknown> {
  try {
    return await client.call('TIME')
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('NOPERM')) return undefined
    throw error
  }
}
