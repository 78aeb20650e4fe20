import { defineScript, type RedisArgument, type RedisClient, type Script } from '@stayfast/redis-kit'
import { EventEmitter } from 'node:events'

/** Sends commands: at once or not at all, or with patience; see `BullEventQueue`. */
export type SendCommand = <T>(work: (redis: RedisClient) => Promise<T>) => Promise<T>

/** Options of {@link LinkClient}. */
export interface LinkClientOptions {
  readonly send: SendCommand
  readonly isCluster: boolean
  /** What the server says of itself. */
  readonly info: string
  /** Opens a connection that may wait for work; a queue that only adds never asks for one. */
  readonly openBlocking: () => object
}

function argument(value: unknown): RedisArgument {
  if (typeof value === 'string' || typeof value === 'number' || Buffer.isBuffer(value)) return value
  if (value === undefined || value === null) return ''
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value)
  throw new TypeError('BullMQ gave an argument that is none.')
}

/**
 * A link as BullMQ wants to see a Redis client. BullMQ waits for a client that is not connected, and
 * `add` then never settles; this one is always ready, and each command settles the way the link lets it.
 *
 * It has the commands that are used here and no others.
 */
export class LinkClient extends EventEmitter {
  readonly isCluster: boolean
  readonly options: object = {}
  readonly status: string = 'ready'
  readonly #options: LinkClientOptions
  readonly #scripts = new Map<string, { readonly script: Script<unknown>; readonly keyCount: number }>()

  constructor(options: LinkClientOptions) {
    super()
    this.#options = options
    this.isCluster = options.isCluster
  }

  defineCommand(name: string, { numberOfKeys, lua }: { numberOfKeys: number; lua: string }): void {
    this.#scripts.set(name, { script: defineScript(lua, (reply) => reply), keyCount: numberOfKeys })
  }

  runCommand(name: string, args: readonly unknown[]): Promise<unknown> {
    const known = this.#scripts.get(name)
    if (known === undefined) return Promise.reject(new TypeError(`BullMQ has no script ${name}.`))
    const flat = args.flat(Infinity).map(argument)
    const keys = flat.slice(0, known.keyCount).map(String)
    return this.#options.send((redis) => known.script.run(redis, keys, flat.slice(known.keyCount)))
  }

  info(): Promise<string> {
    return Promise.resolve(this.#options.info)
  }

  hset(key: string, data: Readonly<Record<string, string | number>>): Promise<unknown> {
    return this.#options.send((redis) => redis.call('HSET', key, ...Object.entries(data).flat()))
  }

  hgetall(key: string): Promise<Record<string, string>> {
    return this.#options.send((redis) => redis.hgetall(key))
  }

  duplicate(): object {
    return this.#options.openBlocking()
  }

  connect(): Promise<void> {
    return Promise.resolve()
  }

  /** The connection belongs to the link. */
  disconnect(): void {
    this.removeAllListeners()
  }

  // BullMQ knows a client by having these.

  multi(): never {
    throw new TypeError('A link runs no transactions.')
  }

  pipeline(): never {
    throw new TypeError('A link runs no pipelines.')
  }

  scanStream(): never {
    throw new TypeError('A link scans no keys.')
  }
}
