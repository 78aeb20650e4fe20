import { findSuites, type Suite } from './find-suites.js'
import { failures, skips, summary, table } from './format-results.js'
import { runCheck, type Check } from './run-check.js'
import { runSuite, type SuiteResult } from './run-suite.js'

export interface RunOptions {
  /** The workspace's folder. */
  root: string
  /** Packages to run; all when empty. */
  names?: readonly string[]
  /** Suites at the same time, and one check beside them; default 1, with the checks before the suites. */
  jobs?: number
  /** Commands that must pass as well; each counts as one test. */
  checks?: readonly Check[]
  env?: NodeJS.ProcessEnv
  write: (text: string) => void
}

export interface RunTotals {
  passed: number
  failed: number
}

/** The longest suite is the one that the end waits for: the others give way to it a little. */
const nicenessBesideLongest = 2

/** Runs the workspace's suites and writes progress, failures and the table. */
export async function runSuites({
  root,
  names = [],
  jobs = 1,
  checks = [],
  env = process.env,
  write,
}: RunOptions): Promise<RunTotals> {
  const suites = await findSuites(root, names)
  const results = new Map<Suite, SuiteResult>()
  let checksPassed = 0
  // Only one at a time can be announced before it is through: two would share a line.
  const announce = (name: string): void => {
    if (jobs === 1) write(`${name} … `)
  }
  const tell = (name: string, words: string): void => {
    write(`${jobs === 1 ? '' : `${name} … `}${words}\n`)
  }
  const checking = checks.map((check) => async (): Promise<void> => {
    announce(check.name)
    const { passed, seconds, output } = await runCheck(check, root, env)
    tell(check.name, `${passed ? 'passed' : 'failed'}, ${seconds.toFixed(1)} s`)
    if (passed) checksPassed += 1
    else write(`${output.join('\n')}\n`)
  })
  const testing = startOrder(suites, jobs).map((suite, place) => async (): Promise<void> => {
    announce(suite.name)
    const result = await runSuite(suite, env, jobs === 1 || place === 0 ? 0 : nicenessBesideLongest)
    results.set(suite, result)
    tell(suite.name, summary(result))
    if (result.skips.length > 0) write(`${skips(result)}\n`)
    if (result.failed > 0) write(`${failures(result)}\n`)
  })
  // Beside the suites a check takes what they leave of the machine while they wait for their servers.
  if (jobs === 1) await runAll([...checking, ...testing], 1)
  else await Promise.all([runAll(checking, 1), runAll(testing, jobs)])
  const inOrder = suites.flatMap((suite) => results.get(suite) ?? [])
  write(`\n${table(inOrder)}\n\n`)
  return {
    passed: inOrder.reduce((sum, { passed }) => sum + passed, checksPassed),
    failed: inOrder.reduce((sum, { failed }) => sum + failed, checks.length - checksPassed),
  }
}

async function runAll(tasks: readonly (() => Promise<void>)[], atOnce: number): Promise<void> {
  const waiting = [...tasks]
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await next()
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

/** Beside each other the longest go first, so that the end waits for none of them alone. */
function startOrder(suites: readonly Suite[], jobs: number): readonly Suite[] {
  return jobs === 1 ? suites : [...suites].sort((one, other) => other.minutes - one.minutes)
}
