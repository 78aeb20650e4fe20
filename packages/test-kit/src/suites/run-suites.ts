import { findSuites, type Suite } from './find-suites.js'
import { failures, skips, summary, table } from './format-results.js'
import { runSuite, type SuiteResult } from './run-suite.js'

export interface RunOptions {
  /** The workspace's folder. */
  root: string
  /** Packages to run; all when empty. */
  names?: readonly string[]
  /** Suites at the same time; default 1. */
  jobs?: number
  env?: NodeJS.ProcessEnv
  write: (text: string) => void
}

export interface RunTotals {
  passed: number
  failed: number
}

/** Runs the workspace's suites and writes progress, failures and the table. */
export async function runSuites({
  root,
  names = [],
  jobs = 1,
  env = process.env,
  write,
}: RunOptions): Promise<RunTotals> {
  const suites = await findSuites(root, names)
  const waiting = [...suites]
  const results = new Map<Suite, SuiteResult>()
  const worker = async (): Promise<void> => {
    for (let suite = waiting.shift(); suite; suite = waiting.shift()) {
      // Only one at a time can be announced before it is through: two would share a line.
      if (jobs === 1) write(`${suite.name} … `)
      const result = await runSuite(suite, env)
      results.set(suite, result)
      write(`${jobs === 1 ? '' : `${suite.name} … `}${summary(result)}\n`)
      if (result.skips.length > 0) write(`${skips(result)}\n`)
      if (result.failed > 0) write(`${failures(result)}\n`)
    }
  }
  await Promise.all(Array.from({ length: jobs }, worker))
  const inOrder = suites.flatMap((suite) => results.get(suite) ?? [])
  write(`\n${table(inOrder)}\n\n`)
  return {
    passed: inOrder.reduce((sum, { passed }) => sum + passed, 0),
    failed: inOrder.reduce((sum, { failed }) => sum + failed, 0),
  }
}
