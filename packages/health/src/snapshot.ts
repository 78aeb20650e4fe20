import type { LinkCounters, LinkStatus } from '@stayfast/redis-kit'
import type { Alarm } from './alarms/alarm-board.js'
import type { CheckResult } from './checks/check-runner.js'
import type { LoopDelay } from './sampling/event-loop-delay.js'
import type { Usage } from './usage/usage-meter.js'

/** `'degraded'`: it works, with something missing. `'failing'`: a critical check fails. */
export type OverallStatus = 'ok' | 'degraded' | 'failing'

/** Where the app is in its life. */
export type Phase = 'starting' | 'ready' | 'draining'

/** What everybody may know. */
export interface PublicHealth {
  readonly status: OverallStatus
  readonly redis: {
    /** `'disabled'` when no Redis is configured. */
    readonly status: 'healthy' | 'unhealthy' | 'disabled'
    /** Such as `'2ms'`, rounded up; null while there is no connection. */
    readonly latency: string | null
    readonly connected: boolean
  }
}

/** A link to Redis, in the details. */
export interface RedisDetails {
  readonly role: string
  readonly provider: string
  readonly link: LinkStatus
  /** Why Redis answers and refuses to work, such as `'loading'`. */
  readonly refusal: string | undefined
  readonly latencyMs: number | undefined
  /** The part of the last one in which this process was busy. */
  readonly loopBusyMs: number | undefined
  /** Of five, without the time in which this process was busy. */
  readonly medianLatencyMs: number | undefined
  /** The quickest that the median has been for a while. */
  readonly baselineLatencyMs: number | undefined
  readonly counters: LinkCounters
  readonly sampledAt: Date | undefined
  readonly servers: readonly ServerDetails[]
}

/** What a server says of itself, in the details; fields that it does not tell are missing. */
export interface ServerDetails {
  readonly version: string | undefined
  readonly mode: string | undefined
  readonly role: string | undefined
  readonly evictionPolicy: string | undefined
  readonly usedMemoryBytes: number | undefined
  /** 0 means no limit. */
  readonly maxMemoryBytes: number | undefined
  readonly connectedClients: number | undefined
  readonly maxClients: number | undefined
  readonly evictionsPerSecond: number | undefined
  readonly hitRatio: number | undefined
  readonly cpuRatio: number | undefined
}

/** What the operator may know as well. */
export interface HealthDetails {
  readonly phase: Phase
  readonly uptimeSeconds: number
  readonly redis: readonly RedisDetails[]
  readonly eventLoop: LoopDelay
  readonly alarms: readonly Alarm[]
  readonly checks: readonly CheckResult[]
  /** By the name of the decorator. */
  readonly plugins: Readonly<Record<string, { readonly plugin: string } & Readonly<Record<string, unknown>>>>
  readonly usage: Usage | undefined
}

/** All that is known, as of the last samples. */
export interface HealthSnapshot extends PublicHealth {
  readonly details: HealthDetails
}
