import type { HealthDetails, OverallStatus, PublicHealth } from '../snapshot.js'

type HealthJsonStatus = 'pass' | 'warn' | 'fail'

interface Check {
  readonly status: HealthJsonStatus
  readonly componentId?: string
  readonly componentType?: string
  readonly observedValue?: number | string
  readonly observedUnit?: string
  readonly output?: string
  readonly time?: string
}

/** The body of `application/health+json`. */
export interface HealthJson {
  readonly status: HealthJsonStatus
  readonly checks: Readonly<Record<string, readonly Check[]>>
}

const statuses: Readonly<Record<OverallStatus, HealthJsonStatus>> = {
  ok: 'pass',
  degraded: 'warn',
  failing: 'fail',
}

/** Writes what is known in the words of the draft; without details, what everybody may know. */
export function healthJson(health: PublicHealth, details: HealthDetails | undefined): HealthJson {
  const { status, redis } = health
  const checks: Record<string, Check[]> = {}
  if (redis.status !== 'disabled') {
    checks['redis:responseTime'] = [
      {
        componentType: 'datastore',
        status: redis.status === 'healthy' ? 'pass' : 'warn',
        ...(redis.latency === null
          ? {}
          : { observedValue: Number.parseInt(redis.latency, 10), observedUnit: 'ms' }),
      },
    ]
  }
  if (details !== undefined) addDetails(checks, details)
  return { status: statuses[status], checks }
}

function addDetails(checks: Record<string, Check[]>, details: HealthDetails): void {
  checks['eventLoop:delay'] = [
    { componentType: 'system', status: 'pass', observedValue: details.eventLoop.p99Ms, observedUnit: 'ms' },
  ]
  for (const { name, critical, status, tookMs, failure, at } of details.checks) {
    checks[`${name}:check`] = [
      {
        componentType: 'component',
        status: status === 'fail' ? (critical ? 'fail' : 'warn') : 'pass',
        ...(tookMs === undefined ? {} : { observedValue: tookMs, observedUnit: 'ms' }),
        ...(failure === undefined ? {} : { output: failure }),
        ...(at === undefined ? {} : { time: at.toISOString() }),
      },
    ]
  }
  for (const { alarm, of, value, advice, since } of details.alarms) {
    const key = `${alarm}:alarm`
    checks[key] = [
      ...(checks[key] ?? []),
      { componentId: of, status: 'warn', observedValue: value, output: advice, time: since.toISOString() },
    ]
  }
}
