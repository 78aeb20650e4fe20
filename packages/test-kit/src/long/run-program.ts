import { performance } from 'node:perf_hooks'
import { Guard } from '../guard.js'
import { GuardedChild, type OutputLine } from '../guarded-child.js'
import type { LongContext } from './long-part.js'

export interface Program {
  /** What lines of progress begin with. */
  name: string
  file: string
  args: readonly string[]
  cwd: string
  env?: NodeJS.ProcessEnv
  /** Each line as it comes; what it returns is said. */
  onLine?: (line: OutputLine) => string | undefined
}

export interface Ended {
  lines: readonly OutputLine[]
  passed: boolean
  seconds: number
}

const stillEveryMs = 60_000

/** Runs a program to its end, and says now and then that it still runs. */
export async function runProgram(program: Program, { say, env }: LongContext): Promise<Ended> {
  const { name, file, args, cwd, onLine } = program
  const startedMs = performance.now()
  const seconds = (): number => (performance.now() - startedMs) / 1000
  const guard = new Guard()
  const ticker = setInterval(() => {
    say(`${name}: still running, ${Math.round(seconds())} s`)
  }, stillEveryMs)
  try {
    say(`${name}: started`)
    const child = await GuardedChild.start(guard, file, args, {
      cwd,
      env: { ...env, ...program.env },
      onLine: (line) => {
        const words = onLine?.(line)
        if (words !== undefined) say(`${name}: ${words}`)
      },
    })
    const { code } = await child.exited
    return { lines: child.lines, passed: code === 0, seconds: seconds() }
  } finally {
    clearInterval(ticker)
    await guard.release()
  }
}
