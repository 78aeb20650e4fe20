import type { Guard } from '../guard.js'
import { GuardedChild } from '../guarded-child.js'
import type { Suite } from './find-suites.js'
import { giveWay } from './give-way.js'
import type { TapReport } from './tap-report.js'

export interface TestFileOptions {
  /** From the suite's folder. */
  readonly file: string
  readonly suite: Suite
  readonly env: NodeJS.ProcessEnv
  /** How far it gives way to what runs beside it. */
  readonly niceness: number
  /** Ends it, with all it started. */
  readonly signal: AbortSignal
  readonly report: TapReport
  readonly onStderr: (line: string) => void
}

/** Runs one compiled test file as what it is, a program that writes TAP. It does not throw. */
export async function runTestFile(guard: Guard, options: TestFileOptions): Promise<void> {
  const { file, suite, env, niceness, signal, report, onStderr } = options
  const tap = report.file(file)
  try {
    const child = await GuardedChild.start(guard, process.execPath, ['--enable-source-maps', file], {
      cwd: suite.folder,
      env,
      onLine: ({ stream, text }) => {
        if (stream === 'stdout') tap.write(text)
        else onStderr(text)
      },
    })
    giveWay(child.pid, niceness)
    const end = (): void => void child.destroy()
    signal.addEventListener('abort', end)
    // It may have come while the process was being started.
    if (signal.aborted) end()
    const exit = await child.exited
    signal.removeEventListener('abort', end)
    tap.end(exit)
  } catch (error) {
    report.fail([file, String(error)])
  }
}
