import { randomBytes } from 'node:crypto'
import type { AdminAccess } from './admin-connection.js'
import { isBeforeRedis7, type RedisServerBinary } from './find-redis-server.js'
import type { RedisServerOptions } from './redis-server-options.js'
import type { ServerFiles } from './server-files.js'
import { commandsSinceRedis7, commandsUpstashRefuses, subcommandsUpstashRefuses } from './upstash-commands.js'

/** Clients that `maxClients` does not count: the admin connection. */
export const adminClients = 1

export function adminAccess(
  binary: RedisServerBinary,
  files: ServerFiles,
  options: RedisServerOptions,
): AdminAccess {
  const secret = randomBytes(12).toString('hex')
  const refused = options.upstashLike ? commandsUpstashRefuses : []
  // A server does not start when a command is renamed that it does not have.
  const hidden = isBeforeRedis7(binary) ? refused.filter((name) => !commandsSinceRedis7.has(name)) : refused
  return {
    socketPath: files.socket,
    username: 'stayfast-admin',
    password: secret,
    hidden: new Map(hidden.map((name) => [name, `${secret}-${name}`])),
  }
}

/** The text of redis.conf. */
export function redisConfig(
  binary: RedisServerBinary,
  files: ServerFiles,
  port: number,
  admin: AdminAccess,
  options: RedisServerOptions,
  roleLines: readonly string[][],
): string {
  const lines: string[][] = [
    ['bind', '127.0.0.1'],
    ['dir', files.data],
    ['save', ''],
    ['unixsocket', admin.socketPath],
    ['unixsocketperm', '700'],
    ['databases', String(options.upstashLike ? 1 : (options.databases ?? 16))],
    ['appendonly', options.appendOnly ? 'yes' : 'no'],
    // What was written outlives the server, if not the machine, and nobody waits for a busy disk. With everysec
    // a server holds writes back, although it answered them, while the disk is busy.
    ['appendfsync', 'no'],
    // By default a primary waits 5 s for more replicas before it sends its data.
    ['repl-diskless-sync-delay', '0'],
    ...(options.tls ? tlsLines(files, port) : [['port', String(port)]]),
    ...[...admin.hidden].map(([name, alias]) => ['rename-command', name, alias]),
    ...userLines(binary, admin, options),
    ...replicaLines(options),
    ...roleLines,
  ]
  // Redis 7 refuses DEBUG unless told; older ones do not know the setting.
  if (!isBeforeRedis7(binary)) lines.push(['enable-debug-command', 'local'])
  if (options.maxClients !== undefined) lines.push(['maxclients', String(options.maxClients + adminClients)])
  if (options.maxMemoryBytes !== undefined) {
    lines.push(['maxmemory', String(options.maxMemoryBytes)], ['maxmemory-policy', 'noeviction'])
  }
  lines.push(...Object.entries(options.config ?? {}))
  return lines.map(([key = '', ...values]) => [key, ...values.map(quoted)].join(' ')).join('\n') + '\n'
}

function tlsLines(files: ServerFiles, port: number): string[][] {
  return [
    ['port', '0'],
    ['tls-port', String(port)],
    ['tls-ca-cert-file', files.tls.ca],
    ['tls-cert-file', files.tls.certificate],
    ['tls-key-file', files.tls.key],
    ['tls-auth-clients', 'no'],
    ['tls-cluster', 'yes'],
  ]
}

function userLines(binary: RedisServerBinary, admin: AdminAccess, options: RedisServerOptions): string[][] {
  const { username, password, upstashLike } = options
  // Redis 6 cannot take a subcommand away.
  const withoutSubcommands = upstashLike === true && !isBeforeRedis7(binary)
  const rules = [
    '~*',
    '&*',
    '+@all',
    ...(withoutSubcommands ? subcommandsUpstashRefuses.map((name) => `-${name}`) : []),
  ]
  const secret = password === undefined ? 'nopass' : `>${password}`
  const lines = [['user', admin.username, 'on', `>${admin.password}`, '~*', '&*', '+@all']]
  lines.push(['user', username ?? 'default', 'on', secret, ...rules])
  if (username !== undefined && username !== 'default') lines.push(['user', 'default', 'off'])
  return lines
}

function replicaLines({ replicaOf }: RedisServerOptions): string[][] {
  if (!replicaOf) return []
  const { host, port, url, ca } = replicaOf
  const { username, password } = new URL(url)
  const lines = [['replicaof', host, String(port)]]
  if (password) lines.push(['masterauth', decodeURIComponent(password)])
  if (username) lines.push(['masteruser', decodeURIComponent(username)])
  if (ca !== undefined) lines.push(['tls-replication', 'yes'])
  return lines
}

function quoted(value: string): string {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}
