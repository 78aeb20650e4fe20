import { performance } from 'node:perf_hooks'
import { listedTags } from '../cache-call.js'
import { CacheClosedError, LoaderTimeoutError } from '../errors.js'
import { nameOf, type Scope } from '../scope.js'
import type { LoaderContext } from '../tagged-cache.js'
import type { TagTable } from '../tags/tag-table.js'

const nothingAdded: readonly string[] = []

function ignore(): void {
  // Nobody waits any more.
}

/**
 * One run of a loader, with what it says through its context. Most loaders look at none of that: it is made
 * when it is asked for.
 */
export class LoaderRun implements LoaderContext {
  readonly startedMs: number = performance.now()
  readonly #key: string
  readonly #scope: Scope
  readonly #table: TagTable
  readonly #period: number
  readonly #stopHearing: () => void
  #added: Set<string> | undefined
  #heard: Set<string> | undefined
  #addTags: LoaderContext['addTags'] | undefined
  #skipStore: LoaderContext['skipStore'] | undefined
  #controller: AbortController | undefined
  #abortReason: Error | undefined
  #storing = true
  #giveUp: (error: Error) => void = ignore

  constructor(key: string, scope: Scope, table: TagTable) {
    this.#key = key
    this.#scope = scope
    this.#table = table
    this.#period = table.period
    this.#stopHearing = table.onInvalidation((name) => {
      this.#heard ??= new Set()
      this.#heard.add(name)
    })
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason)
    return this.#controller.signal
  }

  get addTags(): LoaderContext['addTags'] {
    this.#addTags ??= (tags) => {
      this.#added ??= new Set()
      for (const tag of listedTags(tags)) this.#added.add(this.#scope.nameOf(nameOf('tag', tag)))
    }
    return this.#addTags
  }

  get skipStore(): LoaderContext['skipStore'] {
    this.#skipStore ??= () => {
      this.#storing = false
    }
    return this.#skipStore
  }

  /** Whether the loader lets its value be stored. */
  get storing(): boolean {
    return this.#storing
  }

  /** Tags that the loader added, by their names in the whole cache. */
  get added(): readonly string[] {
    return this.#added === undefined ? nothingAdded : [...this.#added]
  }

  /** Whether the tag was invalidated since the loader began, as far as this process heard. */
  heardOf(name: string): boolean {
    return this.#heard?.has(name) === true || this.#period !== this.#table.period
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
        this.#giveUp(new LoaderTimeoutError(this.#key, withinMs))
      }, withinMs)
      this.#giveUp = (error) => {
        clearTimeout(timer)
        reject(error)
        this.abort(error)
      }
      const fail = (error: unknown): void => {
        clearTimeout(timer)
        // The loader's own error is the caller's to see, whatever it is.
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
        reject(error)
      }
      try {
        Promise.resolve(loader(this)).then((value) => {
          clearTimeout(timer)
          resolve(value)
        }, fail)
      } catch (error) {
        fail(error)
      }
    })
  }

  /** Whatever comes of it is decided. */
  end(): void {
    this.#stopHearing()
    this.#giveUp = ignore
  }

  /** The cache ends: nobody waits any more. */
  close(): void {
    this.#giveUp(new CacheClosedError())
  }
}
