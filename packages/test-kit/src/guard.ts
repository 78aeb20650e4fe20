import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

/**
 * Reads process ids from a pipe whose other end only this process holds; the last one counts, an empty line
 * means none. The pipe ends when this process ends, by SIGKILL too, and then the group of that id is killed and
 * the folder removed. A process that was just killed may still be writing: hence the second removal.
 */
const script = `
group=
while read -r next; do group=$next; done
if [ -n "$group" ]; then kill -s KILL -- "-$group"; fi
if [ -n "$1" ]; then rm -rf -- "$1" || { sleep 1; rm -rf -- "$1"; }; fi
`

/**
 * Sees to it that a child's process group and its folder do not outlive this process, however it ends.
 * The guard lives in a session of its own, so that a Ctrl-C or a signal to our group does not end it first.
 */
export class Guard {
  readonly #shell: ChildProcess
  readonly #exited: Promise<unknown>

  /** Start the guard before the child, so that there is no moment in which nobody watches. */
  constructor(folder = '') {
    this.#shell = spawn('/bin/sh', ['-c', script, 'guard', folder], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    this.#exited = once(this.#shell, 'exit')
    // A guard that somebody killed is only missed if we die too: not a reason to fail.
    this.#shell.stdin?.on('error', () => undefined)
  }

  /** From now on this process group dies with us. */
  watch(groupId: number): void {
    this.#shell.stdin?.write(`${groupId}\n`)
  }

  /** The group is gone; its number may soon belong to somebody else. */
  forget(): void {
    this.#shell.stdin?.write('\n')
  }

  /** Ends the guard, which removes the folder. */
  async release(): Promise<void> {
    this.#shell.stdin?.end('\n')
    await this.#exited
  }
}
