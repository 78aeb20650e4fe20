import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/**
 * Keeps a process, and what it starts from now on, on one core.
 *
 * @returns False where that cannot be done: `taskset` (util-linux) is not there, or the core is not.
 */
export async function keepOnCore(pid: number, core: number): Promise<boolean> {
  try {
    await run('taskset', ['--all-tasks', '--cpu-list', '--pid', String(core), String(pid)])
    return true
  } catch {
    return false
  }
}
