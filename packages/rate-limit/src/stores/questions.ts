import type { Decision, Limit, Run, RunDecision } from '../algorithms/limit.js'
import type { CounterId } from './limit-store.js'

/** What is asked of one counter. */
export interface Question {
  readonly id: CounterId
  readonly limit: Limit
  readonly runs: readonly Run[]
}

function sameLimit(one: Limit, other: Limit): boolean {
  if (one === other) return true
  return one.max === other.max && one.burst === other.burst && one.windowUs === other.windowUs
}

function sameRuns(one: readonly Run[], other: readonly Run[]): boolean {
  const [run] = one
  const [otherRun] = other
  if (one.length !== 1 || other.length !== 1) return false
  return run?.cost === otherRun?.cost && run?.count === otherRun?.count
}

/**
 * Puts questions of one algorithm into the arguments of its script: neighbours that ask the same of
 * different counters are told once, as parts of {@link decideEachLua}.
 */
export function questionArgs(
  questions: readonly Question[],
  limitArgs: (limit: Limit) => readonly number[],
): number[] {
  const args: number[] = []
  let before: Question | undefined
  let countAt = 0
  for (const question of questions) {
    const { limit, runs } = question
    if (before !== undefined && sameLimit(before.limit, limit) && sameRuns(before.runs, runs)) {
      args[countAt] = (args[countAt] ?? 0) + 1
    } else {
      countAt = args.length
      const limitNumbers = limitArgs(limit)
      args.push(1, limitNumbers.length, 2 * runs.length, ...limitNumbers)
      for (const { cost, count } of runs) args.push(cost, count)
    }
    before = question
  }
  return args
}

/** Reads what the script answered to these questions; a text says what is wrong with the key of one. */
export function readDecisions(
  questions: readonly Question[],
  reply: readonly unknown[],
): readonly (Decision | string)[] {
  let at = 0
  return questions.map((question) => {
    const available = reply[at]
    if (typeof available === 'string') {
      at += 1
      return available
    }
    const resetUs = Number(reply[at + 1])
    at += 2
    const runs: RunDecision[] = []
    for (let i = 0; i < question.runs.length; i += 1) {
      runs.push({ admitted: Number(reply[at]), retryUs: Number(reply[at + 1]) })
      at += 2
    }
    return { available: Number(available), resetUs, runs }
  })
}
