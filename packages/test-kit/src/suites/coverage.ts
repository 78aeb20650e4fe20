import { readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Guard } from '../guard.js'
import { GuardedChild } from '../guarded-child.js'
import { property, type Suite } from './find-suites.js'

const c8 = createRequire(import.meta.url).resolve('c8/bin/c8.js')

/** The lines of a package's sources that its tests ran, told by V8 itself in every process that ends by itself. */
export class Coverage {
  readonly #suite: Suite
  readonly #records: string
  readonly #report: string

  constructor(suite: Suite) {
    this.#suite = suite
    this.#records = join(suite.folder, '.tap', 'coverage')
    this.#report = join(suite.folder, '.tap', 'report')
  }

  /** What the processes need to know. */
  get env(): NodeJS.ProcessEnv {
    return { NODE_V8_COVERAGE: this.#records }
  }

  /** Forgets what an earlier run left. */
  async clear(): Promise<void> {
    for (const folder of [this.#records, this.#report]) await rm(folder, { recursive: true, force: true })
  }

  /** @returns the percentage of lines; undefined when nothing was measured */
  async measure(guard: Guard, env: NodeJS.ProcessEnv): Promise<number | undefined> {
    const settings = {
      'temp-directory': this.#records,
      'reports-dir': this.#report,
      reporter: 'json-summary',
      include: 'dist/**',
    }
    const args = Object.entries(settings).map(([name, value]) => `--${name}=${value}`)
    const child = await GuardedChild.start(guard, process.execPath, [c8, 'report', ...args], {
      cwd: this.#suite.folder,
      env,
    })
    await child.exited
    try {
      const summary: unknown = JSON.parse(await readFile(join(this.#report, 'coverage-summary.json'), 'utf8'))
      const percentage = property(property(property(summary, 'total'), 'lines'), 'pct')
      return typeof percentage === 'number' ? percentage : undefined
    } catch {
      // No report: nothing was measured.
      return undefined
    }
  }
}
