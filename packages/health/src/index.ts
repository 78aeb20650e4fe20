export { health, health as default } from './plugin.js'
export type { Alarm, AlarmName } from './alarms/alarm-board.js'
export type { Thresholds } from './alarms/thresholds.js'
export type { CheckResult, HealthCheck } from './checks/check-runner.js'
export type { HealthChecks, Metrics } from './health-checks.js'
export { healthReport, type HealthReport, type HealthReporter } from '@stayfast/redis-kit'
export type { HealthOptions, LetsIn } from './options.js'
export type { LoopDelay } from './sampling/event-loop-delay.js'
export type {
  HealthDetails,
  HealthSnapshot,
  OverallStatus,
  Phase,
  PublicHealth,
  RedisDetails,
  ServerDetails,
} from './snapshot.js'
export type { ShutdownSignal } from './shutdown/signal-handlers.js'
export type { Usage } from './usage/usage-meter.js'
