import { checkOptions, optionRule, type OptionRule, type OptionRules } from '@stayfast/redis-kit'
import { HealthOptionError } from '../errors.js'

/** Beyond which values an alarm is raised; `false` turns one off. */
export interface Thresholds {
  /** Part of `maxmemory` in use; nothing is said where there is no limit. */
  readonly memoryRatio?: number | false
  /**
   * Median round trip in milliseconds. `'baseline'`: 10 ms, or half as much again, over the quickest that
   * this link has been, so that a Redis in another region is measured by itself.
   */
  readonly latencyMs?: number | 'baseline' | false
  /** Part of `maxclients` that is connected. */
  readonly clientsRatio?: number | false
  /** Keys that a cache evicts. Where data lives that must not be lost it is 0. */
  readonly evictionsPerSecond?: number | false
  /** Lookups that find their key; counted where there are 100 and more between two samples. */
  readonly hitRatio?: number | false
  /** Of one core, by the thread that runs commands. */
  readonly cpuRatio?: number | false
  /** 99th percentile of this process's own event loop. */
  readonly eventLoopDelayMs?: number | false
  /** Part of `commandBudget` that is used up at this pace. */
  readonly budgetRatio?: number | false
}

/** {@link Thresholds} with the defaults filled in. */
export type CheckedThresholds = Required<Thresholds>

export const defaultThresholds: CheckedThresholds = Object.freeze({
  memoryRatio: 0.8,
  latencyMs: 'baseline',
  clientsRatio: 0.8,
  evictionsPerSecond: 100,
  hitRatio: 0.5,
  cpuRatio: 0.8,
  eventLoopDelayMs: 100,
  budgetRatio: 0.8,
} satisfies Thresholds)

function orFalse(rule: OptionRule): OptionRule {
  return { wants: `${rule.wants}, or false`, accepts: (value) => value === false || rule.accepts(value) }
}

const ratio = orFalse(optionRule.number(0, 1))
const amount = orFalse(optionRule.number(0, 1_000_000))

const rules: OptionRules<Thresholds> = {
  memoryRatio: ratio,
  latencyMs: {
    wants: "a number of milliseconds, 'baseline', or false",
    accepts: (value) => value === 'baseline' || amount.accepts(value),
  },
  clientsRatio: ratio,
  evictionsPerSecond: amount,
  hitRatio: ratio,
  cpuRatio: orFalse(optionRule.number(0, 1000)),
  eventLoopDelayMs: amount,
  budgetRatio: orFalse(optionRule.number(0, 1000)),
}

/**
 * Fills in the defaults.
 *
 * @throws STAY_HEALTH_OPTION_INVALID
 */
export function checkThresholds(thresholds: Thresholds): CheckedThresholds {
  const refuse = (message: string): Error => new HealthOptionError(message)
  return { ...defaultThresholds, ...checkOptions('thresholds of health', thresholds, rules, refuse) }
}
