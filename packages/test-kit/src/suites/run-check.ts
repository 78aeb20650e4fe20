import { performance } from 'node:perf_hooks'
import { Guard } from '../guard.js'
import { GuardedChild } from '../guarded-child.js'
import { giveWay } from './give-way.js'

/** A command beside the suites, such as the linter: it passes when it ends with 0. */
export interface Check {
  name: string
  file: string
  args: readonly string[]
}

export interface CheckResult {
  check: Check
  passed: boolean
  seconds: number
  /** What it wrote, both streams. */
  output: readonly string[]
}

/** Checks give way to suites, in which clocks run. */
const niceness = 10

/** Runs a check. It does not throw: what cannot be started has failed. */
export async function runCheck(check: Check, cwd: string, env: NodeJS.ProcessEnv): Promise<CheckResult> {
  const startedMs = performance.now()
  const output: string[] = []
  const guard = new Guard()
  let passed = false
  try {
    const child = await GuardedChild.start(guard, check.file, check.args, {
      cwd,
      env,
      onLine: ({ text }) => output.push(text),
    })
    giveWay(child.pid, niceness)
    passed = (await child.exited).code === 0
  } catch (error) {
    output.push(String(error))
  } finally {
    await guard.release()
  }
  return { check, passed, seconds: (performance.now() - startedMs) / 1000, output }
}
