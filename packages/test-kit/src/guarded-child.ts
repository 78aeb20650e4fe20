import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { Guard } from './guard.js'

export interface ChildExit {
  code: number | null
  signal: NodeJS.Signals | null
}

export interface OutputLine {
  stream: 'stdout' | 'stderr'
  text: string
}

/** A regular expression or a function that knows the line when it sees it. */
export type LineMatch = RegExp | ((line: string) => boolean)

interface ChildOptions {
  env?: NodeJS.ProcessEnv
  cwd?: string
  /** Sees each line as it comes. */
  onLine?: (line: OutputLine) => void
}

/** How long output may trail behind the exit: a grandchild can hold the pipes open for ever. */
const trailingOutputMs = 5000

/** A child process in a group of its own, watched by a guard, whose output is kept line by line. */
export class GuardedChild {
  readonly pid: number
  readonly lines: OutputLine[] = []
  readonly exited: Promise<ChildExit>
  #running = true
  readonly #name: string
  readonly #onLine: ChildOptions['onLine']
  readonly #events = new EventEmitter()

  private constructor(
    name: string,
    child: ChildProcess,
    pid: number,
    guard: Guard,
    onLine?: ChildOptions['onLine'],
  ) {
    this.#name = name
    this.#onLine = onLine
    this.pid = pid
    this.#events.setMaxListeners(0)
    this.#collect('stdout', child.stdout)
    this.#collect('stderr', child.stderr)
    this.exited = this.#settle(child, guard)
  }

  /** @throws when the file cannot be executed */
  static async start(
    guard: Guard,
    file: string,
    args: readonly string[],
    { onLine, ...settings }: ChildOptions = {},
  ): Promise<GuardedChild> {
    const child = spawn(file, args, { ...settings, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    if (child.pid === undefined) {
      const cause = await new Promise<Error>((resolve) => child.once('error', resolve))
      throw new Error(`${file} could not be started: ${cause.message}`, { cause })
    }
    guard.watch(child.pid)
    return new GuardedChild(file, child, child.pid, guard, onLine)
  }

  get running(): boolean {
    return this.#running
  }

  /** Resolves with the first line that matches, one already written included. */
  waitForLine(match: LineMatch, timeoutMs: number): Promise<string> {
    const matches = (text: string): boolean =>
      match instanceof RegExp ? text.search(match) >= 0 : match(text)
    const seen = this.lines.find((line) => matches(line.text))
    if (seen) return Promise.resolve(seen.text)
    return new Promise((resolve, reject) => {
      const onLine = (text: string): void => {
        if (matches(text)) settle(() => resolve(text))
      }
      const fail = (what: string): void =>
        settle(() =>
          reject(new Error(`${this.#name} ${what} without writing ${String(match)}:\n${this.tail()}`)),
        )
      const timer = setTimeout(() => fail(`went on for ${timeoutMs} ms`), timeoutMs)
      const settle = (finish: () => void): void => {
        clearTimeout(timer)
        this.#events.off('line', onLine)
        finish()
      }
      this.#events.on('line', onLine)
      void this.exited.then(({ code, signal }) => fail(`ended (${signal ?? `exit code ${String(code)}`})`))
    })
  }

  /** The last lines of output, for messages. */
  tail(): string {
    const last = this.lines.slice(-20).map((line) => line.text)
    return last.length === 0 ? '(it wrote nothing)' : last.join('\n')
  }

  /** To the process alone. A process that is gone already is no error. */
  signal(signal: NodeJS.Signals): void {
    this.#send(this.pid, signal)
  }

  /** Ends the process and everything it started. */
  async destroy(): Promise<void> {
    this.#send(-this.pid, 'SIGKILL')
    await this.exited
  }

  #send(target: number, signal: NodeJS.Signals): void {
    if (this.#running) process.kill(target, signal)
  }

  #collect(stream: OutputLine['stream'], source: Readable | null): void {
    if (!source) return
    createInterface({ input: source, crlfDelay: Infinity }).on('line', (text) => {
      this.lines.push({ stream, text })
      this.#onLine?.({ stream, text })
      this.#events.emit('line', text)
    })
  }

  async #settle(child: ChildProcess, guard: Guard): Promise<ChildExit> {
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))
    const exit = await new Promise<ChildExit>((resolve) =>
      child.once('exit', (code, signal) => resolve({ code, signal })),
    )
    this.#running = false
    endGroup(this.pid)
    guard.forget()
    const output = new AbortController()
    await Promise.race([closed, delay(trailingOutputMs, undefined, { signal: output.signal })])
    output.abort()
    return exit
  }
}

/** What the process started and left behind goes with it. */
function endGroup(groupId: number): void {
  try {
    process.kill(-groupId, 'SIGKILL')
  } catch {
    // ESRCH, the usual case: it left nothing behind.
  }
}
