import type { ConnectionOptions } from 'node:tls'
import { readCertificates } from './certificate.js'
import { notice, type Notice } from './notice.js'
import type { Environment, RedisConnectionOptions, TlsOptions } from '../options.js'
import { findProvider, type Provider } from './providers.js'
import { RedisServer } from './redis-server.js'
import type { ServerSettings } from './server-settings.js'

/** What applies to every server of the app. */
export type ServerOverrides = Pick<
  RedisConnectionOptions,
  'provider' | 'family' | 'connectTimeoutMs' | 'heartbeatMs'
>

/** Settles what the settings leave open by the provider table; says in a notice what it changed. */
export function resolveServer(
  settings: ServerSettings,
  overrides: ServerOverrides,
  env: Environment,
  notices: Notice[],
): RedisServer {
  const { tlsSwitch, schemeTls } = settings
  const askedForTls = tlsSwitch?.final === true ? tlsSwitch.on : tlsSwitch?.on === true || schemeTls === true
  const [endpoint] = settings.endpoints
  const provider = findProvider({ endpoint, tls: askedForTls, env, id: overrides.provider })
  const { connectTimeoutMs } = overrides
  const isCluster = provider.topology === 'cluster' && settings.topology === 'single'
  if (isCluster) {
    const message = `${settings.source} names a cluster (${provider.name}); it is opened as one.`
    notices.push(notice('info', 'STAY_REDIS_NOTICE_CLUSTER_DETECTED', message))
  }
  if (settings.ignoredParameters.length > 0) {
    const message = `Parameters of ${settings.source} that mean nothing here: ${settings.ignoredParameters.join(', ')}.`
    notices.push(notice('info', 'STAY_REDIS_NOTICE_PARAMETER_IGNORED', message))
  }
  return new RedisServer({
    topology: isCluster ? 'cluster' : settings.topology,
    endpoints: settings.endpoints,
    masterName: settings.masterName,
    provider,
    family: overrides.family ?? settings.family ?? provider.family,
    connectTimeoutMs:
      connectTimeoutMs === undefined
        ? provider.connectTimeoutMs
        : { boot: connectTimeoutMs, reconnect: connectTimeoutMs },
    heartbeatMs: overrides.heartbeatMs ?? provider.heartbeatMs,
    tls: decideTls(settings, provider, notices) ? tlsOptions(settings, provider, notices) : undefined,
    credentials: settings.credentials,
    sentinelCredentials: settings.sentinelCredentials,
  })
}

function decideTls(settings: ServerSettings, provider: Provider, notices: Notice[]): boolean {
  const { tlsSwitch, schemeTls, source, endpoints } = settings
  const say = (level: Notice['level'], code: Notice['code'], message: string): void => {
    notices.push(notice(level, code, message))
  }
  if (endpoints[0].path !== undefined) return false
  if (tlsSwitch?.final === true) return tlsSwitch.on
  const asked = tlsSwitch?.on === true || schemeTls === true
  if (asked) {
    if (tlsSwitch?.on === false) {
      say(
        'info',
        'STAY_REDIS_NOTICE_TLS_KEPT',
        `${source} asks for TLS and wins over ${tlsSwitch.source}=false.`,
      )
    }
    if (provider.tls === 'forbidden') {
      const message = `${source} asks for TLS, which ${provider.name} does not speak: use redis:// if it does not connect.`
      say('warn', 'STAY_REDIS_NOTICE_TLS_UNEXPECTED', message)
    }
    return true
  }
  if (provider.tls === 'required' || (provider.tls === 'preferred' && tlsSwitch === undefined)) {
    const from =
      schemeTls === false ? `${source}: redis:// was upgraded to TLS` : `${source}: TLS was turned on`
    const overruled = tlsSwitch === undefined ? '' : ` against ${tlsSwitch.source}=false`
    const message = `${from}${overruled}, which ${provider.name} speaks; write rediss:// to say so.`
    say(tlsSwitch === undefined ? 'info' : 'warn', 'STAY_REDIS_NOTICE_TLS_UPGRADED', message)
    return true
  }
  if (settings.tls.ca !== undefined) {
    const message = `${source} is reached without TLS, so REDIS_TLS_CA is not used; write rediss:// to turn TLS on.`
    say('warn', 'STAY_REDIS_NOTICE_TLS_SETTINGS_UNUSED', message)
  }
  return false
}

function tlsOptions(settings: ServerSettings, provider: Provider, notices: Notice[]): ConnectionOptions {
  const { ca, servername, rejectUnauthorized, cert, key } = settings.tls
  // An authority that is given is there to be checked by, Heroku or not.
  const verify = rejectUnauthorized ?? (ca !== undefined || provider.verify)
  if (!verify) {
    const isException = rejectUnauthorized === undefined
    const message = isException
      ? `${provider.name} signs its certificates itself: TLS encrypts, but does not check the server.`
      : `${settings.source}: TLS encrypts, but rejectUnauthorized: false accepts any server.`
    notices.push(notice(isException ? 'info' : 'warn', 'STAY_REDIS_NOTICE_VERIFICATION_OFF', message))
  }
  return {
    rejectUnauthorized: verify,
    ...(ca === undefined ? {} : { ca: authorities(ca) }),
    ...(servername === undefined ? {} : { servername }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  }
}

function authorities(ca: NonNullable<TlsOptions['ca']>): (string | Buffer)[] {
  const list = typeof ca === 'string' || Buffer.isBuffer(ca) ? [ca] : ca
  return list.map((entry) =>
    typeof entry === 'string' ? readCertificates(entry, 'The option tls.ca') : entry,
  )
}
