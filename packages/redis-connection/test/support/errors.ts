import { isRedisConfigError, type RedisConfigError } from '../../dist/errors.js'

/** The configuration error that a function throws. */
export function configErrorOf(run: () => unknown): RedisConfigError {
  try {
    run()
  } catch (error) {
    if (isRedisConfigError(error)) return error
    throw error
  }
  throw new Error('Nothing was thrown.')
}
