import type { LinkSampler, ServerSample } from '../sampling/link-sampler.js'
import type { AlarmName, Observation } from './alarm-board.js'
import type { ThresholdLimits } from './threshold.js'
import type { CheckedThresholds } from './thresholds.js'

/** What lives on the server of a link, as far as it is known. */
export type Holds = 'data' | 'cache' | 'unknown'

/** An alarm is cleared when its value is this far inside its limit. */
const margin = 0.1
/** A link slower than its baseline by this much, or by half of the baseline. */
const slowerMs = 10
const slowerBy = 0.5

function above(limit: number): ThresholdLimits {
  return { side: 'above', raise: limit, clear: limit * (1 - margin) }
}

function below(limit: number): ThresholdLimits {
  return { side: 'below', raise: limit, clear: limit * (1 + margin) }
}

/** Of something that is so or not. */
const so: ThresholdLimits = { side: 'above', raise: 0, clear: 0 }

const percent = (value: number | undefined): string =>
  value === undefined ? 'unknown' : `${Math.round(value * 100)} %`
const milliseconds = (value: number | undefined): string =>
  value === undefined ? 'unknown' : `${Math.round(value * 10) / 10} ms`

/** Of several servers the worst one speaks. */
function worst(
  servers: readonly ServerSample[],
  read: (server: ServerSample) => number | undefined,
  pick: (...values: number[]) => number = Math.max,
): number | undefined {
  const values = servers.map(read).filter((value) => value !== undefined)
  return values.length === 0 ? undefined : pick(...values)
}

/** Of a limit; 0 means that there is none, so that nothing of it is used up. */
function part(amount: number | undefined, limit: number | undefined): number | undefined {
  if (amount === undefined || limit === undefined) return undefined
  return limit === 0 ? 0 : amount / limit
}

function flag(value: boolean | undefined): number | undefined {
  return value === undefined ? undefined : Number(value)
}

/** What a sample of a link says about its server, for the alarms. */
export function observeLink(
  { link, last, window }: LinkSampler,
  holds: Holds,
  thresholds: CheckedThresholds,
): Observation[] {
  if (last === undefined) return []
  const { servers } = last
  const observations: Observation[] = []
  const note = (
    alarm: AlarmName,
    limits: ThresholdLimits | false,
    value: number | undefined,
    shown: string,
    advice: string,
  ): void => {
    if (limits !== false) observations.push({ alarm, of: link.name, value, limits, shown, advice })
  }
  const on = (limit: number | false, limits: (limit: number) => ThresholdLimits): ThresholdLimits | false =>
    limit === false ? false : limits(limit)

  const memory = worst(servers, ({ info }) => part(info.number('used_memory'), info.number('maxmemory')))
  note(
    'memory',
    on(thresholds.memoryRatio, above),
    memory,
    `${percent(memory)} of maxmemory`,
    holds === 'cache'
      ? 'It will evict keys: take a larger plan, or shorter times to live.'
      : 'When it is full, writes are refused or keys evicted: take a larger plan, or shorter times to live.',
  )

  const { medianMs, baselineMs } = window
  const usual = baselineMs ?? Number.POSITIVE_INFINITY
  const latencyLimit =
    thresholds.latencyMs === 'baseline' ? usual + Math.max(slowerMs, usual * slowerBy) : thresholds.latencyMs
  note(
    'latency',
    on(latencyLimit, above),
    medianMs,
    `a round trip takes ${milliseconds(medianMs)}, usually ${milliseconds(baselineMs)}`,
    'Look for slow commands (SLOWLOG), a busy server or a slow network.',
  )

  const clients = worst(servers, ({ info }) =>
    part(info.number('connected_clients'), info.number('maxclients')),
  )
  note(
    'clients',
    on(thresholds.clientsRatio, above),
    clients,
    `${percent(clients)} of maxclients`,
    'Beyond it new connections are refused: look for one that leaks them, or raise maxclients.',
  )

  const evictions = worst(servers, ({ rates }) => rates.evictionsPerSecond)
  const evictionLimit =
    holds === 'data' && thresholds.evictionsPerSecond !== false ? 0 : thresholds.evictionsPerSecond
  note(
    'evictions',
    on(evictionLimit, above),
    evictions,
    `${Math.round((evictions ?? 0) * 10) / 10} keys a second`,
    holds === 'data'
      ? 'What must not be lost is being lost: set maxmemory-policy noeviction and give caches a server of their own.'
      : 'The cache is too small for what is asked of it: give it more memory.',
  )

  const hitRatio = worst(servers, ({ rates }) => rates.hitRatio, Math.min)
  note(
    'hit-ratio',
    on(thresholds.hitRatio, below),
    hitRatio,
    `${percent(hitRatio)} of lookups find their key`,
    'Look for keys that are too specific, or times to live that are too short.',
  )

  const cpu = worst(servers, ({ rates }) => rates.cpuRatio)
  note(
    'cpu',
    on(thresholds.cpuRatio, above),
    cpu,
    `${percent(cpu)} of a core`,
    'Redis runs commands in one thread: look for expensive ones (SLOWLOG), or spread the load.',
  )

  const policyIsWrong = worst(servers, ({ info }) => flag(hasWrongPolicy(info, holds)))
  note(
    'eviction-policy',
    so,
    policyIsWrong,
    holds === 'cache'
      ? 'a cache that refuses writes when it is full'
      : 'keys that must not be lost are evicted when it is full',
    holds === 'cache'
      ? 'Set maxmemory-policy allkeys-lru.'
      : 'Set maxmemory-policy noeviction, and give caches a server of their own.',
  )

  const readOnly = worst(servers, ({ info }) => flag(isReplica(info.text('role'))))
  note(
    'read-only',
    so,
    readOnly,
    'this server is a replica',
    'It takes no writes: connect to the primary. After a failover this passes by itself.',
  )

  const notPersisting = worst(servers, ({ info }) =>
    flag(info.text('rdb_last_bgsave_status') === 'err' || info.text('aof_last_write_status') === 'err'),
  )
  note(
    'persistence',
    so,
    notPersisting,
    'the last snapshot or append failed',
    'Free disk space; the log of Redis names the error. Until then a restart loses data.',
  )
  return observations
}

function isReplica(role: string | undefined): boolean | undefined {
  return role === undefined ? undefined : role === 'slave'
}

/** Without a limit nothing is ever evicted, whatever the policy says. */
function hasWrongPolicy(info: ServerSample['info'], holds: Holds): boolean | undefined {
  const policy = info.text('maxmemory_policy')
  if (policy === undefined || holds === 'unknown') return undefined
  if ((info.number('maxmemory') ?? 0) === 0) return false
  return holds === 'data' ? policy !== 'noeviction' : policy === 'noeviction'
}

/** What the process says about itself. */
export function observeEventLoop(p99Ms: number, thresholds: CheckedThresholds): Observation[] {
  const limit = thresholds.eventLoopDelayMs
  if (limit === false) return []
  return [
    {
      alarm: 'event-loop',
      of: 'process',
      value: p99Ms,
      limits: above(limit),
      shown: `is ${milliseconds(p99Ms)} late`,
      advice:
        'This process is busy: every latency that it measures is too long by that. Look for long synchronous work.',
    },
  ]
}

/** How much of the budget goes at this pace. */
export function observeBudget(used: number | undefined, thresholds: CheckedThresholds): Observation[] {
  const limit = thresholds.budgetRatio
  if (limit === false || used === undefined) return []
  return [
    {
      alarm: 'command-budget',
      of: 'process',
      value: used,
      limits: above(limit),
      shown: `${percent(used)} of REDIS_COMMAND_BUDGET at this pace (an estimate)`,
      advice: 'Cache more in the process, beat less often, or take a larger plan.',
    },
  ]
}
