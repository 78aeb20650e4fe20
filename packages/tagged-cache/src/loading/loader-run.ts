import { performance } from 'node:perf_hooks'
import { CacheClosedError, LoaderTimeoutError } from '../errors.js'
import { nameOf, type Scope } from '../scope.js'
import type { LoaderContext } from '../tagged-cache.js'
import type { TagTable } from '../tags/tag-table.js'

/** One run of a loader, with what it says through its context. */
export class LoaderRun implements LoaderContext {
  readonly startedMs: number = performance.now()
  readonly #key: string
  readonly #scope: Scope
  readonly #table: TagTable
  readonly #period: number
  readonly #added = new Set<string>()
  readonly #heard = new Set<string>()
  readonly #stopHearing: () => void
  #controller: AbortController | undefined
  #abortReason: Error | undefined
  #storing = true

  constructor(key: string, scope: Scope, table: TagTable) {
    this.#key = key
    this.#scope = scope
    this.#table = table
    this.#period = table.period
    this.#stopHearing = table.onInvalidation((name) => {
      this.#heard.add(name)
    })
  }

  get signal(): AbortSignal {
    // Made when it is asked for: most loaders never look at it.
    this.#controller ??= new AbortController()
    if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason)
    return this.#controller.signal
  }

  readonly addTags = (tags: readonly string[]): void => {
    for (const tag of tags) this.#added.add(this.#scope.nameOf(nameOf('tag', tag)))
  }

  readonly skipStore = (): void => {
    this.#storing = false
  }

  /** Whether the loader lets its value be stored. */
  get storing(): boolean {
    return this.#storing
  }

  /** Tags that the loader added, by their names in the whole cache. */
  get added(): readonly string[] {
    return [...this.#added]
  }

  /** Whether the tag was invalidated since the loader began, as far as this process heard. */
  heardOf(name: string): boolean {
    return this.#heard.has(name) || this.#period !== this.#table.period
  }

  abort(reason: Error): void {
    this.#abortReason = reason
    this.#controller?.abort(reason)
  }

  /**
   * Runs the loader, and gives it up when its time is over.
   *
   * @throws What the loader throws; STAY_CACHE_LOADER_TIMEOUT.
   */
  run<Value>(loader: (context: LoaderContext) => Value | Promise<Value>, withinMs: number): Promise<Value> {
    return new Promise<Value>((resolve, reject) => {
      const timer = setTimeout(() => {
        const error = new LoaderTimeoutError(this.#key, withinMs)
        reject(error)
        this.abort(error)
      }, withinMs)
      const settle = (): void => {
        clearTimeout(timer)
      }
      this.#giveUp = (error) => {
        clearTimeout(timer)
        reject(error)
        this.abort(error)
      }
      try {
        Promise.resolve(loader(this)).then(resolve, reject).finally(settle)
      } catch (error) {
        settle()
        // The loader's own error is the caller's to see, whatever it is.
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
        reject(error)
      }
    })
  }

  /** Whatever comes of it is decided. */
  end(): void {
    this.#stopHearing()
  }

  /** The cache ends: nobody waits any more. */
  close(): void {
    this.#giveUp(new CacheClosedError())
  }

  #giveUp: (error: Error) => void = () => undefined
}
