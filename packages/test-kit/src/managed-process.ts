import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Guard } from './guard.js'
import { type ChildExit, GuardedChild, type LineMatch, type OutputLine } from './guarded-child.js'
import type { TeardownHost } from './teardown.js'

export interface ProcessOptions {
  args?: readonly string[]
  /** Added to this process's environment; `undefined` removes a variable. */
  env?: Readonly<Record<string, string | undefined>>
  cwd?: string
  /** The line, on stdout or stderr, after which it counts as started; without it, it is started at once. */
  readyWhen?: LineMatch
  /** For `readyWhen`; default 10,000. */
  timeoutMs?: number
}

const defaults = Object.freeze({ args: [], timeoutMs: 10_000 } satisfies ProcessOptions)
const scripts = new Set(['.js', '.mjs', '.cjs'])

/**
 * Starts a JavaScript file with this Node, or any other executable.
 *
 * @throws an Error with the output when it ends, or the time is over, before it is ready
 */
export async function startProcess(
  file: string | URL,
  options: ProcessOptions = {},
  owner?: TeardownHost,
): Promise<ManagedProcess> {
  const { args, env, cwd, readyWhen, timeoutMs } = { ...defaults, ...options }
  const path = file instanceof URL ? fileURLToPath(file) : file
  const [program, ...given] = scripts.has(extname(path)) ? [process.execPath, path, ...args] : [path, ...args]
  const settings = { env: { ...process.env, ...env }, ...(cwd === undefined ? {} : { cwd }) }
  const guard = new Guard()
  const child = await GuardedChild.start(guard, program, given, settings).catch(async (error: unknown) => {
    await guard.release()
    throw error
  })
  const managed = new ManagedProcess(child, guard)
  owner?.teardown(() => managed.stop())
  try {
    if (readyWhen !== undefined) await child.waitForLine(readyWhen, timeoutMs)
    return managed
  } catch (error) {
    await managed.stop()
    throw error
  }
}

/** A process of this test's own. What it starts dies with it. */
export class ManagedProcess {
  readonly pid: number
  /** Resolves when it has ended, of itself or not. */
  readonly exited: Promise<ChildExit>
  readonly #child: GuardedChild
  readonly #guard: Guard
  #stopped: Promise<void> | undefined

  /** Use `startProcess`. */
  constructor(child: GuardedChild, guard: Guard) {
    this.#child = child
    this.#guard = guard
    this.pid = child.pid
    this.exited = child.exited
  }

  /** Everything it has written, in the order in which it came. */
  get lines(): readonly OutputLine[] {
    return this.#child.lines
  }

  get stdout(): string[] {
    return this.#of('stdout')
  }

  get stderr(): string[] {
    return this.#of('stderr')
  }

  /** Resolves with the first line on stdout or stderr that matches, one already written included. */
  waitForLine(match: LineMatch, { timeoutMs }: { timeoutMs: number } = defaults): Promise<string> {
    return this.#child.waitForLine(match, timeoutMs)
  }

  /** Sends it a signal, SIGTERM by default; resolves when that has ended it. */
  async kill(signal: NodeJS.Signals = 'SIGTERM'): Promise<ChildExit> {
    this.#child.signal(signal)
    return this.exited
  }

  /** Sends it a signal that does not end it: SIGSTOP, SIGCONT, SIGHUP. */
  signal(signal: NodeJS.Signals): void {
    this.#child.signal(signal)
  }

  /** SIGKILL to it and to all that it started. */
  stop(): Promise<void> {
    this.#stopped ??= this.#child.destroy().then(() => this.#guard.release())
    return this.#stopped
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  #of(stream: OutputLine['stream']): string[] {
    return this.lines.filter((line) => line.stream === stream).map((line) => line.text)
  }
}
