/** A value that can be sent as a command argument. */
export type RedisArgument = string | number | Buffer

/**
 * What Stayfast needs of a Redis client. ioredis 5 and 6, their `Cluster`, and iovalkey satisfy it
 * as they are; nothing here is `instanceof` anything, so that two copies of a client library in one
 * app do no harm.
 */
export interface RedisClient {
  /** The client's own connection status, such as `'wait'`, `'connecting'`, `'ready'` or `'end'`. */
  readonly status: string
  readonly isCluster?: boolean

  call(command: string, ...args: RedisArgument[]): Promise<unknown>
  ping(): Promise<string>
  get(key: string): Promise<string | null>
  mget(...keys: string[]): Promise<(string | null)[]>
  set(key: string, value: string): Promise<unknown>
  del(...keys: string[]): Promise<number>
  hmget(key: string, ...fields: string[]): Promise<(string | null)[]>
  hgetall(key: string): Promise<Record<string, string>>
  pttl(key: string): Promise<number>
  publish(channel: string, message: string): Promise<number>
  eval(script: string, keyCount: number, ...args: RedisArgument[]): Promise<unknown>
  evalsha(sha1: string, keyCount: number, ...args: RedisArgument[]): Promise<unknown>
  info(): Promise<string>
  select(database: number): Promise<unknown>

  subscribe(...channels: string[]): Promise<unknown>
  unsubscribe(...channels: string[]): Promise<unknown>

  connect(): Promise<unknown>
  disconnect(reconnect?: boolean): void
  quit(): Promise<unknown>

  on(event: 'connect' | 'ready' | 'close' | 'end', listener: () => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'message', listener: (channel: string, message: string) => void): unknown
  off(event: 'connect' | 'ready' | 'close' | 'end', listener: () => void): unknown
  off(event: 'error', listener: (error: Error) => void): unknown
  off(event: 'message', listener: (channel: string, message: string) => void): unknown
}

/** A node's connection inside a {@link ClusterClient}. */
export interface ClusterNodeClient extends RedisClient {
  readonly options: { readonly host?: string | undefined; readonly port?: number | undefined }
  duplicate(overrides: object): RedisClient
}

/** What a `Cluster` has beside that. */
export interface ClusterClient extends RedisClient {
  /** The nodes that serve slots, as of the last CLUSTER SLOTS. */
  nodes(role: 'master'): ClusterNodeClient[]
  /** Asks for CLUSTER SLOTS now; the callback is always called. */
  refreshSlotsCache(callback: (error?: Error | null) => void): void

  on(event: 'connect' | 'ready' | 'close' | 'end' | 'refresh', listener: () => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'message', listener: (channel: string, message: string) => void): unknown
  off(event: 'connect' | 'ready' | 'close' | 'end' | 'refresh', listener: () => void): unknown
  off(event: 'error', listener: (error: Error) => void): unknown
  off(event: 'message', listener: (channel: string, message: string) => void): unknown
}

/** Recognises a Cluster by what it can do, whichever library it comes from. */
export function isClusterClient(client: RedisClient): client is ClusterClient {
  return client.isCluster === true && 'nodes' in client && 'refreshSlotsCache' in client
}
