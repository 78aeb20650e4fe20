import { SentinelConnector, type SentinelConnectionOptions } from 'ioredis'

function isEmitter(value: unknown): value is { on(event: string, listener: () => void): unknown } {
  return typeof value === 'object' && value !== null && 'on' in value && typeof value.on === 'function'
}

function namesSentinels(options: unknown): options is SentinelConnectionOptions {
  return typeof options === 'object' && options !== null && 'sentinels' in options
}

/**
 * Finds the primary as ioredis does. With `failoverDetector`, ioredis keeps a connection to each sentinel that
 * nobody listens to, so that one sentinel that is down puts its address on the console each time.
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
}
