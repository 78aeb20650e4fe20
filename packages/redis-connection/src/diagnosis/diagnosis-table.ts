import type { ProviderId } from '../configuration/providers.js'

/**
 * - `fast`: `min(100 · 2ⁿ, 5000)` ms and jitter: it may be back any moment
 * - `slow`: 30 s or more: someone has to change something first, or the server wants to be left alone
 * - `wait`: the connection is good and stays; the command may be tried again later
 */
export type RetryPace = 'fast' | 'slow' | 'wait'

/** A cause, how it shows, and what to do. */
export interface SignalRow {
  readonly signal: string
  /** One of the codes or the text must be there, and every condition that is named must hold. */
  readonly when: {
    readonly codes?: readonly string[]
    readonly text?: RegExp
    readonly tls?: boolean
    readonly neverConnected?: boolean
  }
  readonly summary: string
  readonly hint: string
  readonly retry: RetryPace
  readonly providerHints?: Readonly<Partial<Record<ProviderId, string>>>
}

const ALLOWLIST = 'Check that this address is on the access control list of the instance.'
const PRIVATE_RAILWAY = 'railway.internal exists only inside the project, and some seconds after the start.'
const INTERNAL_RENDER = 'The internal URL works only from services of the same account and region.'

/** In the order of matching: what a server says comes before what the network says. */
export const signals: readonly SignalRow[] = [
  {
    signal: 'unknown-master',
    // What went wrong with a sentinel is named at the end; without that nothing did.
    when: { text: /^All sentinels are unreachable(?!.*Last error(?!: ERR No such master))/ },
    summary: 'The sentinels answer, and none of them knows a master of that name.',
    hint: 'Check REDIS_SENTINEL_NAME (the option sentinel.name); SENTINEL MASTERS lists the names they know.',
    retry: 'fast',
  },
  {
    signal: 'sentinel-credentials',
    when: { text: /^All sentinels are unreachable.*Last error: (NOAUTH|WRONGPASS|NOPERM|ERR AUTH)/ },
    summary: 'The sentinels refused the user or the password; theirs is not that of the servers.',
    hint: 'Give theirs as the option sentinel.password, or in REDIS_SENTINELS as redis://:password@host:port.',
    retry: 'fast',
  },
  {
    signal: 'sentinels-unreachable',
    when: { text: /^All sentinels are unreachable/ },
    summary: 'No sentinel answers.',
    hint: 'Start them, or check REDIS_SENTINELS.',
    retry: 'fast',
  },
  {
    signal: 'wrong-credentials',
    when: { text: /^WRONGPASS|invalid password|invalid username-password/i },
    summary: 'Redis refused the user or the password.',
    hint: 'Copy them again; in a URL they must be percent-encoded.',
    retry: 'slow',
    providerHints: { upstash: 'The read-only token needs the user default_ro.' },
  },
  {
    signal: 'no-credentials',
    when: { text: /^NOAUTH/ },
    summary: 'Redis asks for a password and none was given.',
    hint: 'Set REDIS_PASSWORD, or put the password into REDIS_URL.',
    retry: 'slow',
  },
  {
    signal: 'credentials-of-no-use',
    when: { text: /AUTH.* called without any password configured/ },
    summary: 'A password was given to a Redis that has none.',
    hint: 'Leave REDIS_PASSWORD empty, or give Redis a password.',
    retry: 'slow',
  },
  {
    signal: 'protected-mode',
    when: { text: /^DENIED Redis is running in protected mode/ },
    summary: 'Redis accepts connections from its own machine only.',
    hint: 'Give it a password (requirepass); protected mode then ends by itself.',
    retry: 'slow',
  },
  {
    signal: 'quota-connections',
    when: { text: /max concurrent connections/i },
    summary: 'The plan allows no further connection.',
    hint: 'Close other clients, run fewer processes, or take a larger plan.',
    retry: 'slow',
  },
  {
    signal: 'quota-requests',
    when: { text: /max (daily|monthly)? ?requests? limit/i },
    summary: "The plan's commands are used up.",
    hint: 'Take a larger plan, or wait until the day or month is over; REDIS_COMMAND_BUDGET keeps within one.',
    retry: 'slow',
  },
  {
    signal: 'quota-capacity',
    when: { text: /DB capacity quota exceeded/i },
    summary: "The plan's storage is full: writes are refused, reads go on.",
    hint: 'Delete keys, give them a TTL, turn on eviction, or take a larger plan.',
    retry: 'wait',
  },
  {
    signal: 'quota-size',
    when: { text: /max (request|key|single record|record) size exceeded/i },
    summary: 'One key, value or command is larger than the plan allows.',
    hint: 'Store smaller values.',
    retry: 'wait',
  },
  {
    signal: 'too-many-clients',
    when: { text: /max number of clients reached/i },
    summary: 'Redis has as many clients as it allows (maxclients).',
    hint: 'Close other clients, run fewer processes, or raise maxclients.',
    retry: 'slow',
    providerHints: { 'redis-cloud': 'The free plan allows 30 connections.' },
  },
  {
    signal: 'loading',
    when: { text: /^(LOADING|BUSYLOADING)/ },
    summary: 'Redis is reading its data from disk.',
    hint: 'It answers when it is done.',
    retry: 'wait',
  },
  {
    signal: 'no-master',
    when: { text: /^MASTERDOWN/ },
    summary: 'The replica has lost its master.',
    hint: 'It answers when a master is there again.',
    retry: 'wait',
  },
  {
    signal: 'cluster-down',
    when: { text: /^CLUSTERDOWN/ },
    summary: 'The cluster does not serve all its slots.',
    hint: 'It answers when a failover is over; redis-cli --cluster check shows what is missing.',
    retry: 'wait',
  },
  {
    signal: 'read-only',
    when: { text: /^READONLY/ },
    summary: 'This server is a replica now and takes no writes.',
    hint: 'A new connection finds the master; if it does not, the address is that of a replica.',
    retry: 'fast',
  },
  {
    signal: 'out-of-memory',
    when: { text: /^OOM/ },
    summary: 'Redis is full and evicts nothing: writes are refused, reads go on.',
    hint: 'Give it more memory, give keys a TTL, or keep caches on a server of their own that evicts.',
    retry: 'wait',
  },
  {
    signal: 'cannot-persist',
    when: { text: /^MISCONF/ },
    summary: 'Redis cannot save to its disk and refuses writes.',
    hint: "Look at Redis's own log; the disk is often full.",
    retry: 'wait',
  },
  {
    signal: 'too-few-replicas',
    when: { text: /^NOREPLICAS/ },
    summary: 'Redis has fewer replicas than min-replicas-to-write and refuses writes.',
    hint: 'It takes writes when its replicas are back.',
    retry: 'wait',
  },
  {
    signal: 'busy-script',
    when: { text: /^BUSY / },
    summary: 'A script has kept Redis busy for longer than it allows.',
    hint: 'It answers when the script ends; SCRIPT KILL ends one that has not written.',
    retry: 'wait',
  },
  {
    signal: 'is-a-cluster',
    when: { text: /^(MOVED|ASK) |SELECT is not allowed in cluster mode/ },
    summary: 'This server is a node of a cluster, and was opened as a single server.',
    hint: 'Set REDIS_CLUSTER_NODES instead of REDIS_URL.',
    retry: 'slow',
  },
  {
    signal: 'cross-slot',
    when: { text: /^CROSSSLOT|should belong to the same (slot|slots)/ },
    summary: 'A command named keys of several cluster slots.',
    hint: 'A programming error: keys used together need the same {hash tag}.',
    retry: 'wait',
  },
  {
    signal: 'no-permission',
    when: { text: /^NOPERM/ },
    summary: "The user's rules do not allow this command or key.",
    hint: "Widen the user's ACL; the commands that are used are listed in the READMEs.",
    retry: 'wait',
  },
  {
    signal: 'no-such-database',
    when: { text: /DB index is out of range|invalid DB index|SELECT is not (allowed|supported)/i },
    summary: 'The server has no database of that number.',
    hint: 'Leave the database out: roles are then set apart by key prefix.',
    retry: 'wait',
  },
  {
    signal: 'http-server',
    when: { text: /Unknown RESP type 72\b/ },
    summary: 'An HTTP server answers at this address.',
    hint: 'Check host and port; a REST URL is not the redis URL.',
    retry: 'slow',
  },
  {
    signal: 'server-speaks-tls',
    when: { text: /Unknown RESP type 21\b/ },
    summary: 'The server answers in TLS.',
    hint: 'Use rediss:// instead of redis://, or REDIS_TLS=true.',
    retry: 'slow',
  },
  {
    signal: 'not-redis',
    when: { text: /Unknown RESP type|Protocol error, got/ },
    summary: 'What answers at this address does not speak the Redis protocol.',
    hint: 'Check host and port.',
    retry: 'slow',
  },
  {
    signal: 'certificate-not-trusted',
    when: {
      codes: [
        'SELF_SIGNED_CERT_IN_CHAIN',
        'DEPTH_ZERO_SELF_SIGNED_CERT',
        'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
        'UNABLE_TO_GET_ISSUER_CERT',
        'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
      ],
    },
    summary: "The server's certificate was signed by an authority that is not known here.",
    hint: "Set REDIS_TLS_CA to the provider's CA certificate (PEM text, base64 or a path).",
    retry: 'slow',
  },
  {
    signal: 'certificate-of-another-name',
    when: { codes: ['ERR_TLS_CERT_ALTNAME_INVALID'] },
    summary: "The server's certificate is made out to another name than the host's.",
    hint: 'Connect by the name in the certificate, or give it as the option tls.servername.',
    retry: 'slow',
  },
  {
    signal: 'certificate-expired',
    when: { codes: ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'] },
    summary: "The server's certificate is not valid today.",
    hint: 'Renew it, or correct the clock of this machine.',
    retry: 'slow',
  },
  {
    signal: 'client-certificate-wanted',
    when: { codes: ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE'] },
    summary: 'The server wants a certificate of the client, or speaks TLS of another kind.',
    hint: 'Give one by the options tls.cert and tls.key, or set tls-auth-clients no.',
    retry: 'slow',
  },
  {
    signal: 'server-speaks-plain',
    when: {
      codes: ['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG'],
      text: /wrong version number/,
    },
    summary: 'The server answers without TLS.',
    hint: 'Use redis:// instead of rediss://; a server at its limit of clients answers so as well.',
    retry: 'slow',
  },
  {
    signal: 'tls-handshake-timeout',
    when: { codes: ['ETIMEDOUT', 'ERR_TLS_HANDSHAKE_TIMEOUT'], tls: true, neverConnected: true },
    summary: 'No TLS connection came about in time.',
    hint: 'If the server speaks plain, use redis://; else check the host, the port and the firewall.',
    retry: 'fast',
    providerHints: { render: INTERNAL_RENDER, railway: PRIVATE_RAILWAY, scaleway: ALLOWLIST },
  },
  {
    signal: 'silent',
    when: { text: /accepted the connection and stayed silent/ },
    summary: 'The server accepts connections and says nothing.',
    hint: 'It hangs or is overloaded; if it never worked, check the port, and rediss:// against redis://.',
    retry: 'fast',
  },
  {
    signal: 'closed-in-tls-handshake',
    when: {
      codes: ['ECONNRESET'],
      text: /disconnected before secure TLS connection/,
      tls: true,
      neverConnected: true,
    },
    summary: 'The server closed the connection during the TLS handshake.',
    hint: 'If it speaks plain, use redis://; else it is starting or refuses this address.',
    retry: 'fast',
    providerHints: { render: ALLOWLIST },
  },
  {
    signal: 'nodes-unreachable',
    when: { text: /Failed to refresh slots cache|None of startup nodes is available|Cluster isn't ready/ },
    summary: 'No node of the cluster answers.',
    hint: 'Start them, or check REDIS_CLUSTER_NODES; if they run, check whether they speak TLS (REDIS_TLS).',
    retry: 'fast',
  },
  {
    signal: 'closed-at-once',
    when: {
      codes: ['ECONNRESET'],
      text: /^(C|the c)onnection (is|was) closed\.?$/,
      tls: false,
      neverConnected: true,
    },
    summary: 'The server closed the connection before it said anything.',
    hint: 'If it speaks TLS, use rediss:// instead of redis://; else it is starting or refuses this address.',
    retry: 'fast',
  },
  {
    signal: 'closed-in-handshake',
    when: { codes: ['EPIPE'] },
    summary: 'The server closed the connection while it was being greeted.',
    hint: 'It probably has as many clients as it allows: close others, or raise maxclients.',
    retry: 'slow',
  },
  {
    signal: 'no-such-host',
    when: { codes: ['ENOTFOUND', 'ENODATA'], text: /getaddrinfo ENOTFOUND/ },
    summary: 'The host name is not known to the DNS.',
    hint: 'Check it for a misprint.',
    retry: 'fast',
    providerHints: {
      render: INTERNAL_RENDER,
      railway: PRIVATE_RAILWAY,
      upstash: 'A name in fly- is known only inside Fly; a database that was deleted loses its name.',
    },
  },
  {
    signal: 'dns-unreachable',
    when: { codes: ['EAI_AGAIN', 'EAI_FAIL', 'ETIMEOUT', 'ESERVFAIL'], text: /getaddrinfo EAI_AGAIN/ },
    summary: 'The DNS did not answer.',
    hint: 'Usually passes; in a container check its DNS settings.',
    retry: 'fast',
    providerHints: { railway: PRIVATE_RAILWAY },
  },
  {
    signal: 'refused',
    when: { codes: ['ECONNREFUSED'], text: /ECONNREFUSED/ },
    summary: 'Nothing listens at this address.',
    hint: 'Start Redis, or check host and port.',
    retry: 'fast',
  },
  {
    signal: 'unreachable',
    when: { codes: ['EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ENETDOWN', 'EADDRNOTAVAIL'] },
    summary: 'There is no way to this address.',
    hint: 'Check the network, the VPN and the firewall.',
    retry: 'fast',
  },
  {
    signal: 'timeout',
    when: {
      codes: ['ETIMEDOUT', 'ESOCKETTIMEDOUT'],
      text: /ETIMEDOUT|Socket timeout|Command timed out/,
    },
    summary: 'Redis did not answer in time.',
    hint: 'It hangs, or the network swallows what is sent: check the server and the firewall.',
    retry: 'fast',
  },
  {
    signal: 'no-socket-file',
    when: { codes: ['ENOENT', 'ENOTSOCK', 'EACCES'] },
    summary: 'The socket file is not there or may not be opened.',
    hint: 'Check the path, that Redis runs (unixsocket), and its permissions (unixsocketperm).',
    retry: 'fast',
  },
  {
    signal: 'closed',
    when: {
      codes: ['ECONNRESET', 'ECONNABORTED'],
      text: /[Cc]onnection (is|was) closed|max retries per request|Stream isn't writeable|ECONNRESET|Command aborted/,
    },
    summary: 'The connection was lost.',
    hint: 'Redis was restarted, or something between closes idle connections.',
    retry: 'fast',
    providerHints: { heroku: 'Idle connections are closed there after 300 seconds.' },
  },
]
