import type { RedisLink } from '@stayfast/redis-kit'
import type { HealthMonitor } from '../health-monitor.js'
import type { NamedReport } from '../reporting-plugins.js'
import type { LinkSampler } from '../sampling/link-sampler.js'
import { infoMetrics } from './redis-metrics.js'

/** One number, for Prometheus. */
export interface Measurement {
  readonly name: string
  readonly kind: 'gauge' | 'counter'
  readonly help: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

type Labels = Measurement['labels']

function gauge(name: string, help: string, value: number, labels: Labels = {}): Measurement {
  return { name, kind: 'gauge', help, labels, value }
}

function counter(name: string, help: string, value: number, labels: Labels = {}): Measurement {
  return { name, kind: 'counter', help, labels, value }
}

const linkStates = ['off', 'connecting', 'up', 'suspect', 'down', 'closed'] as const
const overallStatuses = ['ok', 'degraded', 'failing'] as const
const phases = ['starting', 'ready', 'draining'] as const
const seconds = (milliseconds: number): number => milliseconds / 1000

/** Everything that is measured, from memory: a scrape costs Redis nothing. */
export function measure(monitor: HealthMonitor): readonly Measurement[] {
  const { samplers } = monitor
  const reports = monitor.reports()
  const watched = new Set(samplers.map(({ link }) => link))
  return [
    ...samplers.flatMap((sampler) => [
      ...measureServers(sampler),
      ...measureLink(sampler.link, sampler.link.name),
    ]),
    ...samplers.flatMap(measureLatency),
    ...reports.flatMap(({ decorator, report: { link } }) =>
      link === undefined || watched.has(link) ? [] : measureLink(link, decorator),
    ),
    ...reports.flatMap(measureReport),
    ...measureProcess(monitor),
  ]
}

function measureServers({ link, healthy, last }: LinkSampler): Measurement[] {
  const role = { role: link.name }
  const up = gauge('redis_up', '1 while Redis can be asked and does its work', Number(healthy), role)
  // What it said before it went away is no measurement.
  if (link.status !== 'up' || last === undefined) return [up]
  const several = last.servers.length > 1
  const servers = last.servers.flatMap(({ info }) => {
    const labels = several ? { ...role, node: info.runId?.slice(0, 8) ?? '' } : role
    return infoMetrics.flatMap(({ field, ...metric }) => {
      const value = info.number(field)
      return value === undefined ? [] : [{ ...metric, labels, value }]
    })
  })
  return [up, ...servers]
}

function measureLink({ status, counters }: RedisLink, role: string): Measurement[] {
  const work = 'Work given to the link to Redis, by what became of it'
  return [
    ...linkStates.map((state) =>
      gauge('stayfast_link_state', 'State of the link to Redis', Number(state === status), { role, state }),
    ),
    counter('stayfast_link_work_total', work, counters.answered, { role, outcome: 'answered' }),
    counter('stayfast_link_work_total', work, counters.refused, { role, outcome: 'refused' }),
    counter('stayfast_link_work_total', work, counters.missed, { role, outcome: 'missed' }),
    counter('stayfast_link_connected_total', 'Times the link came up', counters.connected, { role }),
  ]
}

function measureLatency({ link, last, window }: LinkSampler): Measurement[] {
  const role = { role: link.name }
  const { medianMs, baselineMs } = window
  if (link.status !== 'up' || last === undefined) return []
  const name = 'stayfast_redis_latency_seconds'
  const help = 'Round trip to Redis: the last one, the median of five, and the usual one'
  return [
    gauge(name, help, seconds(last.latencyMs), { ...role, of: 'last' }),
    ...(medianMs === undefined ? [] : [gauge(name, help, seconds(medianMs), { ...role, of: 'median' })]),
    ...(baselineMs === undefined
      ? []
      : [gauge(name, help, seconds(baselineMs), { ...role, of: 'baseline' })]),
  ]
}

/** Names become metrics: what is no letter, digit or underscore would end the whole scrape. */
function metricName(...parts: readonly string[]): string {
  return parts.map((part) => part.replace(/[^a-zA-Z0-9]+/g, '_')).join('_')
}

function measureReport({ decorator, report: { plugin, counts = {} } }: NamedReport): Measurement[] {
  return Object.entries(counts).flatMap(([name, value]) => {
    if (!Number.isFinite(value) || value < 0) return []
    const of = name.endsWith('_total') ? counter : gauge
    return [of(metricName('stayfast', plugin, name), `${name} of ${plugin}`, value, { decorator })]
  })
}

function measureProcess(monitor: HealthMonitor): Measurement[] {
  const { status, details } = monitor.snapshot
  const { eventLoop, alarms, checks, phase, usage } = details
  const delay = 'How late the event loop was between the last two samples'
  const loop = (milliseconds: number, quantile: string): Measurement =>
    gauge('stayfast_event_loop_delay_seconds', delay, seconds(milliseconds), { quantile })
  return [
    ...overallStatuses.map((each) =>
      gauge('stayfast_health_status', 'What the health route says', Number(each === status), {
        status: each,
      }),
    ),
    ...phases.map((each) =>
      gauge('stayfast_health_phase', 'Where the app is in its life', Number(each === phase), { phase: each }),
    ),
    ...alarms.map(({ alarm, of }) =>
      gauge('stayfast_health_alarm', '1 for each alarm that is raised', 1, { alarm, of }),
    ),
    ...checks.flatMap(({ name, critical, status: state }) =>
      state === 'pending'
        ? []
        : [
            gauge('stayfast_health_check_up', '1 while a check passes', Number(state === 'pass'), {
              check: name,
              critical: String(critical),
            }),
          ],
    ),
    loop(eventLoop.p50Ms, '0.5'),
    loop(eventLoop.p99Ms, '0.99'),
    loop(eventLoop.maxMs, '1'),
    ...(usage === undefined
      ? []
      : [
          counter(
            'stayfast_redis_commands_total',
            'Commands sent by this process (an estimate)',
            usage.commands,
          ),
          gauge('stayfast_redis_commands_per_day', 'Commands a day at this pace (an estimate)', usage.perDay),
          ...(usage.budgetUsed === undefined
            ? []
            : [
                gauge(
                  'stayfast_redis_command_budget_ratio',
                  'Part of REDIS_COMMAND_BUDGET that goes at this pace (an estimate)',
                  usage.budgetUsed,
                ),
              ]),
        ]),
  ]
}
