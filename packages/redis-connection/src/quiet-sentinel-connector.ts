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
 * Finds the primary as ioredis does, but for three things:
 *
 * - With `failoverDetector` ioredis keeps a connection to each sentinel whose errors nobody listens to, so that
 *   one sentinel that is down puts its address on the console each time.
 * - The detector of a connection that was lost lives on until there is another one. When it hears of the
 *   failover while a sentinel is asked for the new primary, it ends the search, and ioredis then ends for good:
 *
 *   ```
 *   primary killed ─► reconnecting ─► sentinel asked ───────────────────► answer: too late, 'end'
 *                                          └── +switch-master ─► disconnect()
 *   ```
 *
 * - Each attempt asks the sentinel behind the one of the attempt before, and when there is none the sentinels
 *   count as unreachable, although they have answered all along and only the primary that they named is dead.
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
    // Begins a round with the next one: the last one may be cut off from the others and know no better.
    this.sentinelIterator.next()
    this.sentinelIterator.reset(true)
    return super.connect(...args)
  }
}
