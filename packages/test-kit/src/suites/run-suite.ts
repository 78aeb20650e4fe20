import { performance } from 'node:perf_hooks'
import { Guard } from '../guard.js'
import { Coverage } from './coverage.js'
import type { Suite } from './find-suites.js'
import { runTestFile } from './run-test-file.js'
import { type Failure, type Skip, TapReport } from './tap-report.js'
import { testFiles } from './test-files.js'

export interface SuiteResult {
  suite: Suite
  files: number
  passed: number
  failed: number
  skipped: number
  /** What did not run, and why. */
  skips: Skip[]
  seconds: number
  /** Percentage of lines; undefined when nothing was measured. */
  coverage: number | undefined
  failures: Failure[]
  /** What it wrote beside TAP, where crashes speak. */
  stderr: string[]
}

/** For one file; tap gives up after 30 s unless told otherwise. */
const fileTimeoutSeconds = 300
const minuteMs = 60_000

/**
 * Runs one package's compiled tests, a file after another. It does not throw: whatever goes wrong is a
 * failure in the result.
 *
 * @param niceness - How far it gives way to the others that run beside it.
 */
export async function runSuite(suite: Suite, env: NodeJS.ProcessEnv, niceness = 0): Promise<SuiteResult> {
  const startedAt = performance.now()
  const report = new TapReport()
  const stderr: string[] = []
  const fail = (message: string): void => report.fail([suite.name, message])
  const guard = new Guard()
  const hung = new AbortController()
  const limitMs = 2 * suite.minutes * minuteMs
  const timer = setTimeout(() => {
    fail(`It hung and was ended after ${limitMs / 1000} s, twice its budget.`)
    hung.abort()
  }, limitMs)
  let percentage: number | undefined
  try {
    const coverage = new Coverage(suite)
    await coverage.clear()
    const testEnv = { ...env, ...coverage.env, TAP_TIMEOUT: String(fileTimeoutSeconds) }
    for (const file of await testFiles(suite)) {
      if (hung.signal.aborted) break
      const onStderr = (line: string): void => void stderr.push(line)
      await runTestFile(guard, { file, suite, env: testEnv, niceness, signal: hung.signal, report, onStderr })
    }
    if (report.files === 0) fail('It has no test.')
    percentage = await coverage.measure(guard, env)
  } catch (error) {
    fail(String(error))
  } finally {
    clearTimeout(timer)
    await guard.release()
  }
  if (suite.coverageFloor !== undefined && !(percentage !== undefined && percentage >= suite.coverageFloor)) {
    const measured = percentage === undefined ? 'unknown' : `${percentage} %`
    fail(`Coverage is ${measured}; its floor is ${suite.coverageFloor} %.`)
  }
  const { files, passed, failed, skipped, skips, failures } = report
  const seconds = (performance.now() - startedAt) / 1000
  return { suite, files, passed, failed, skipped, skips, seconds, coverage: percentage, failures, stderr }
}
