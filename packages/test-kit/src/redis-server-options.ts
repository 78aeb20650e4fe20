import type { RedisServer } from './redis-server.js'

export interface RedisServerOptions {
  /** A free port by default. */
  port?: number
  /** Asked of the default user, or of `username`. */
  password?: string
  /** An ACL user with `password`; the default user is off. */
  username?: string
  /** TLS only, with a certificate of an authority of this process: `server.ca`. */
  tls?: boolean
  /** The only name the certificate is valid for; default localhost, 127.0.0.1 and ::1. */
  tlsHost?: string
  /** Number of databases; default 16. */
  databases?: number
  /** One database, and the commands refused that Upstash does not have. */
  upstashLike?: boolean
  /** Clients that fit beside the admin connection. */
  maxClients?: number
  /** With the policy noeviction. */
  maxMemoryBytes?: number
  /** What was acknowledged survives `kill()`. */
  appendOnly?: boolean
  /** A read-only replica of that server, up to date when it starts. */
  replicaOf?: RedisServer
  /** Any line of redis.conf; wins over the rest. */
  config?: Readonly<Record<string, string>>
}

/** @throws an Error when options contradict each other */
export function checkRedisServerOptions(options: RedisServerOptions): void {
  if (options.username !== undefined && options.password === undefined) {
    throw new Error('A server with a username needs a password too.')
  }
  if (options.tlsHost !== undefined && !options.tls) {
    throw new Error('tlsHost names the certificate of a server with tls: true.')
  }
  if (options.replicaOf?.ca !== undefined && !options.tls) {
    throw new Error('A replica of a TLS server needs tls: true, to trust its primary.')
  }
  if (options.upstashLike && options.databases !== undefined && options.databases !== 1) {
    throw new Error(`An Upstash database is one database, not ${options.databases}.`)
  }
}
