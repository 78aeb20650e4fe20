import type { AdoptableClient, Environment, RedisConnectionOptions } from '../options.js'
import { findProvider, type Provider } from './providers.js'
import type { Endpoint } from './connection-url.js'
import type { DatabaseHost } from './role-placement.js'

/** A server that is known only by the client that the app opened to it. */
export interface AdoptedServer extends DatabaseHost {
  readonly provider: Provider
  readonly tls: boolean
}

/** What a client says about the server behind it, read from its own options. */
export interface AdoptedClientFacts {
  readonly server: AdoptedServer
  readonly db: number
  /** ioredis puts it in front of every key by itself. */
  readonly keyPrefix: string | undefined
}

export function inspectClient(
  client: AdoptableClient,
  options: Pick<RedisConnectionOptions, 'provider'>,
  env: Environment,
): AdoptedClientFacts {
  const read = (name: string): unknown => new Map(Object.entries(client.options)).get(name)
  const [host, port, path, db, keyPrefix] = ['host', 'port', 'path', 'db', 'keyPrefix'].map(read)
  const endpoint: Endpoint | undefined =
    typeof path === 'string' && path !== ''
      ? { path }
      : typeof host === 'string'
        ? { host, port: Number(port) || 6379 }
        : undefined
  const tls = read('tls') !== undefined && read('tls') !== null
  // A Cluster does not keep its nodes among its options: only an id that is given can tell its provider.
  const question = {
    endpoint: endpoint ?? { host: 'unknown.invalid', port: 6379 },
    tls,
    env,
    id: options.provider,
  }
  const provider = findProvider(question)
  const oneDatabase = client.isCluster === true || provider.databases === 1
  return {
    server: { key: 'adopted', oneDatabase, provider, tls },
    db: typeof db === 'number' ? db : 0,
    keyPrefix: typeof keyPrefix === 'string' && keyPrefix !== '' ? keyPrefix : undefined,
  }
}
