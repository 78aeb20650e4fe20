import { SentinelConnector, type SentinelConnectionOptions } from 'ioredis'

function isEmitter(value: unknown): value is { on(event: string, listener: () => void): unknown } {
  return typeof value === 'object' && value !== null && 'on' in value && typeof value.on === 'function'
}

function namesSentinels(options: unknown): options is SentinelConnectionOptions {
  return typeof options === 'object' && options !== null && 'sentinels' in options
}

function isDetector(value: unknown): value is { cleanup(): void } {
  return (
    typeof value === 'object' && value !== null && 'cleanup' in value && typeof value.cleanup === 'function'
  )
}

/**
 * Finds the primary as ioredis does, but for two things about its `failoverDetector`, which listens to the
 * sentinels while it is connected:
 *
 * - Nobody listens to the errors of these connections, so that one sentinel that is down puts its address on
 *   the console each time.
 * - The detector of a connection that was lost lives on until there is another one. When it hears of the
 *   failover while the sentinels are asked for the new primary, it ends the search, and ioredis then ends for
 *   good:
 *
 *   ```
 *   primary killed ─► reconnecting ─► sentinel asked ───────────────────► answer: too late, 'end'
 *                                          └── +switch-master ─► disconnect()
 *   ```
 */
export class QuietSentinelConnector extends SentinelConnector {
  constructor(options: unknown) {
    if (!namesSentinels(options)) throw new TypeError('A connection through sentinels needs to know them.')
    super(options)
    const connect: unknown = Reflect.get(this, 'connectToSentinel')
    if (typeof connect !== 'function') return
    Reflect.set(this, 'connectToSentinel', (...args: unknown[]): unknown => {
      const client: unknown = Reflect.apply(connect, this, args)
      if (isEmitter(client)) client.on('error', () => undefined)
      return client
    })
  }

  override connect(
    ...args: Parameters<SentinelConnector['connect']>
  ): ReturnType<SentinelConnector['connect']> {
    const detector: unknown = Reflect.get(this, 'failoverDetector')
    if (isDetector(detector)) detector.cleanup()
    return super.connect(...args)
  }
}
