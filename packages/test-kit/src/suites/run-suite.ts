import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { Guard } from '../guard.js'
import { GuardedChild } from '../guarded-child.js'
import { property, type Suite } from './find-suites.js'
import { giveWay } from './give-way.js'
import { type Failure, type Skip, TapReport } from './tap-report.js'

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

/** Tests are compiled before they run: a compiler in each of their processes takes half of its start. */
const tapArguments = ['--reporter=tap', '--no-color', '--test-env=TAP_TYPE_STRIP_ONLY=1']
const coverageReport = join('.tap', 'report', 'coverage-summary.json')
const minuteMs = 60_000

/**
 * Runs one package's tests. It does not throw: whatever goes wrong is a failure in the result.
 *
 * @param niceness - How far it gives way to the others that run beside it.
 */
export async function runSuite(suite: Suite, env: NodeJS.ProcessEnv, niceness = 0): Promise<SuiteResult> {
  const startedAt = performance.now()
  const report = new TapReport()
  const stderr: string[] = []
  await rm(join(suite.folder, coverageReport), { force: true })
  const problem = await runTap(suite, env, niceness, (line) => {
    if (line.stream === 'stdout') report.write(line.text)
    else stderr.push(line.text)
  })
  report.end()
  const seconds = (performance.now() - startedAt) / 1000
  const coverage = await readCoverage(suite)
  const fail = (message: string): void => report.fail([suite.name, message])
  if (problem !== undefined && (report.failed === 0 || problem.always)) fail(problem.message)
  if (report.passed + report.failed === 0) fail('It ran no test.')
  if (problem === undefined && seconds > suite.minutes * 60) {
    fail(`It took ${seconds.toFixed(1)} s; its budget is ${suite.minutes} min.`)
  }
  if (suite.coverageFloor !== undefined && !(coverage !== undefined && coverage >= suite.coverageFloor)) {
    const measured = coverage === undefined ? 'unknown' : `${coverage} %`
    fail(`Coverage is ${measured}; its floor is ${suite.coverageFloor} %.`)
  }
  const { files, passed, failed, skipped, skips, failures } = report
  return { suite, files, passed, failed, skipped, skips, seconds, coverage, failures, stderr }
}

interface Problem {
  message: string
  /** Worth telling even when tests failed, which explains an exit code by itself. */
  always: boolean
}

async function runTap(
  suite: Suite,
  env: NodeJS.ProcessEnv,
  niceness: number,
  onLine: (line: { stream: 'stdout' | 'stderr'; text: string }) => void,
): Promise<Problem | undefined> {
  const guard = new Guard()
  const limitMs = 2 * suite.minutes * minuteMs
  const hung = new AbortController()
  let timer: NodeJS.Timeout | undefined
  try {
    const tap = join(suite.folder, 'node_modules', '.bin', 'tap')
    const settings = { cwd: suite.folder, env, onLine }
    const child = await GuardedChild.start(guard, tap, tapArguments, settings)
    giveWay(child.pid, niceness)
    timer = setTimeout(() => {
      hung.abort()
      void child.destroy()
    }, limitMs)
    const { code, signal } = await child.exited
    if (hung.signal.aborted)
      return { message: `It hung and was ended after ${limitMs / 1000} s, twice its budget.`, always: true }
    if (signal !== null) return { message: `It was ended by ${signal}.`, always: true }
    return code === 0 ? undefined : { message: `It ended with exit code ${String(code)}.`, always: false }
  } catch (error) {
    return { message: String(error), always: true }
  } finally {
    clearTimeout(timer)
    await guard.release()
  }
}

async function readCoverage(suite: Suite): Promise<number | undefined> {
  try {
    const report: unknown = JSON.parse(await readFile(join(suite.folder, coverageReport), 'utf8'))
    const percentage = property(property(property(report, 'total'), 'lines'), 'pct')
    return typeof percentage === 'number' ? percentage : undefined
  } catch {
    // No report: nothing was measured.
    return undefined
  }
}
