import { redactError } from './redacted-error.js'
import { RedisMisuseError, RedisRefusedError, RedisUnavailableError, type RefusalReason } from './errors.js'

interface Refusal {
  readonly pattern: RegExp
  readonly reason: RefusalReason
  readonly remedy: string
}

/** What a server says when it refuses for reasons of its own, with what to do about it. */
const refusals: readonly Refusal[] = [
  {
    pattern: /^OOM /,
    reason: 'out-of-memory',
    remedy: 'raise maxmemory, or give caches a server of their own with an eviction policy',
  },
  {
    pattern: /^READONLY /,
    reason: 'read-only',
    remedy: 'connect to the primary; after a failover this passes by itself',
  },
  {
    pattern: /^LOADING /,
    reason: 'loading',
    remedy: 'wait until the server has loaded its data',
  },
  {
    pattern: /^(MASTERDOWN|CLUSTERDOWN|TRYAGAIN) /,
    reason: 'cluster-down',
    remedy: 'wait for the failover to end',
  },
  {
    pattern: /^NOREPLICAS /,
    reason: 'no-replicas',
    remedy: 'bring a replica back, or lower min-replicas-to-write',
  },
  {
    pattern: /^MISCONF /,
    reason: 'not-persisting',
    remedy: 'free disk space for its snapshots; its log names the error',
  },
  { pattern: /^(BUSY|UNKILLABLE) /, reason: 'busy', remedy: 'wait for the running script to end' },
  {
    pattern:
      /max daily request limit|max requests limit|DB capacity quota exceeded|max (request|key|record) size exceeded|max concurrent connections/i,
    reason: 'quota',
    remedy: "raise the plan's limit with the provider",
  },
  {
    pattern:
      /^(NOAUTH|NOPERM|WRONGPASS) |^(ERR )?(ACL failure in script|The user executing the script can't run)/,
    reason: 'no-permission',
    remedy: 'check the user, its password and its ACL',
  },
]

/** What a client says of a command that it did not write to its socket, nor keep. */
const neverSent = /(Stream isn't writeable|Cluster isn't ready) and enableOfflineQueue options is false/

/** Server replies that mean the connection's state is wrong, not the command. */
const connectionTrouble =
  /Connection is closed|max retries per request|Command timed out|Socket (timeout|closed)|Connection in subscriber mode|max number of clients reached|Failed to refresh slots cache|ClusterAllFailedError|All sentinels are unreachable|Too many Cluster redirections|None of startup nodes is available|Command aborted due to connection close/i

const networkCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
])

/** What Redis before 7 puts in front of what a command in a script was told. */
const inScript = /^(ERR Error running script \(call to [^)]*\): )?(@user_script: ?\d+: )*-?/

function refusalIn({ message }: Error): Refusal | undefined {
  const said = message.replace(inScript, '')
  return refusals.find(({ pattern }) => pattern.test(said))
}

function isServerReply(error: Error): boolean {
  return error.name === 'ReplyError'
}

function isConnectionTrouble(error: Error): boolean {
  if ('code' in error && typeof error.code === 'string' && networkCodes.has(error.code)) return true
  return connectionTrouble.test(error.message) || connectionTrouble.test(error.name)
}

/** Servers repeat the first arguments of a command that they do not know. */
function withoutArguments(error: Error): Error {
  error.message = error.message.replace(/,? with args beginning with:.*$/s, '')
  return redactError(error)
}

/**
 * Turns what a Redis client rejected with into what the caller can act on. What did not come from
 * Redis passes through unchanged.
 */
export function classify(error: unknown, linkName: string): unknown {
  if (!(error instanceof Error)) return error
  if (error instanceof RedisUnavailableError) return error
  withoutArguments(error)
  const refusal = refusalIn(error)
  if (refusal !== undefined && (isServerReply(error) || refusal.reason === 'quota')) {
    return new RedisRefusedError(`Redis (${linkName}) refused: ${refusal.reason}; ${refusal.remedy}.`, {
      reason: refusal.reason,
      cause: error,
    })
  }
  if (neverSent.test(error.message)) {
    return new RedisUnavailableError(
      `The connection to Redis (${linkName}) was lost before the command was sent. Try again.`,
      { outcome: 'not-sent', status: 'down', cause: error },
    )
  }
  if (isConnectionTrouble(error)) {
    return new RedisUnavailableError(
      `The connection to Redis (${linkName}) was lost before it answered; the command may have run. Try again.`,
      { outcome: 'unknown', status: 'down', cause: error },
    )
  }
  if (isServerReply(error)) {
    return new RedisMisuseError(`Redis (${linkName}) could not make sense of a command: ${error.message}`, {
      cause: error,
    })
  }
  return error
}
