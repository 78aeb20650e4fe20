import { performance } from 'node:perf_hooks'
import type { ClusterClient, ClusterNodeClient } from './client.js'
import { startDeadline } from './deadline.js'
import { signOfLife } from './sign-of-life.js'

interface PrimaryWatchOptions {
  readonly client: ClusterClient
  /** Whether the connection to a primary that stays silent may be given up. */
  readonly owned: boolean
  /** A primary that has not answered by then is not back yet. */
  readonly deadlineMs: number
  /** A primary is another one than before, or its connection was lost and is there again. */
  readonly onRenewed: () => void
  /** No primary is connected any more. */
  readonly onAllLost: () => void
}

/** What came of asking all primaries. */
interface Roll {
  /** The first reply; rejects when nobody answers. */
  readonly first: Promise<unknown>
  /** Everybody has answered, failed, or been given up for silence. */
  readonly complete: Promise<void>
}

/** A failover in order breaks no connection: it shows only when the slots are asked for. */
const refreshEveryMs = 5000
/** While a shard is away it is looked for this often at first, and this often at last. */
const firstLooksEveryMs = 250
const lastLooksEveryMs = 1000
/** Once a primary has answered, the others are given this part of a deadline more. */
const graceOfDeadline = 1 / 4

/**
 * Watches the primaries of a Cluster, one of which can fail or be replaced while the link as a whole
 * stays up.
 *
 * ```
 *   quiet ── connection to a primary lost, or CLUSTER SLOTS names another ──► looking
 *     ▲                                                                         │
 *     └───────── CLUSTER SLOTS was read and every primary in it answers ────────┘ onRenewed
 * ```
 *
 * Looking does two things besides: it finds the new primary when no command goes to that shard (a
 * Cluster client learns of a failover only by asking), and it holds the place of a silent primary by
 * a connection that is not ready yet, so that commands to that shard fail at once, not at their deadline.
 */
export class PrimaryWatch {
  readonly graceMs: number
  readonly #options: PrimaryWatchOptions
  readonly #client: ClusterClient
  #known: ReadonlySet<ClusterNodeClient> | undefined
  #looking = false
  #losses = 0
  #looks = 0
  #lastLookMs = -Infinity
  #timer: NodeJS.Timeout | undefined
  #interval: NodeJS.Timeout | undefined
  #cancelGrace: () => void = () => undefined
  #stopWaiting: () => void = () => undefined

  constructor(options: PrimaryWatchOptions) {
    this.#options = options
    this.#client = options.client
    this.graceMs = options.deadlineMs * graceOfDeadline
  }

  /** Takes the primaries of now for known. */
  start(): void {
    if (this.#known !== undefined) return
    this.#known = new Set()
    this.#remember(this.#client.nodes('master'))
    this.#client.on('refresh', this.#onRefresh)
    // Not the client's own slotsRefreshInterval, which goes on after a disconnect() that met a refresh.
    this.#interval = setInterval(() => void this.#refresh(), refreshEveryMs)
  }

  stop(): void {
    this.#remember([])
    this.#known = undefined
    this.#looking = false
    clearTimeout(this.#timer)
    clearInterval(this.#interval)
    this.#cancelGrace()
    this.#stopWaiting()
    this.#client.off('refresh', this.#onRefresh)
  }

  /**
   * Asks every primary for a sign of life. Those that are silent although others have answered lose
   * their connection, and with it every command that waits for them.
   */
  callTheRoll(): Roll {
    const silent = new Set(this.#client.nodes('master'))
    const asked = [...silent].map((node) => signOfLife(node).finally(() => silent.delete(node)))
    const first = Promise.any(asked).catch((error: unknown) => {
      throw error instanceof AggregateError && error.errors.length > 0 ? error.errors[0] : noPrimary()
    })
    const complete = first.then(
      () =>
        new Promise<void>((resolve) => {
          this.#cancelGrace()
          const cancel = startDeadline(this.graceMs, () => {
            for (const node of silent) this.#giveUp(node)
            resolve()
          })
          this.#cancelGrace = () => {
            cancel()
            resolve()
          }
          void Promise.allSettled(asked).then(this.#cancelGrace)
        }),
      () => undefined,
    )
    return { first, complete }
  }

  /** One that is still connecting has its own timeouts. */
  #giveUp(node: ClusterNodeClient): void {
    if (this.#options.owned && node.status === 'ready') node.disconnect()
  }

  #remember(primaries: Iterable<ClusterNodeClient>): void {
    const known = new Set(primaries)
    for (const node of this.#known ?? []) if (!known.has(node)) node.off('close', this.#onLoss)
    for (const node of known) if (this.#known?.has(node) !== true) node.on('close', this.#onLoss)
    this.#known = known
  }

  readonly #onRefresh = (): void => {
    const before = this.#known ?? new Set()
    const primaries = this.#client.nodes('master')
    const same = primaries.length === before.size && primaries.every((node) => before.has(node))
    this.#remember(primaries)
    if (!same) this.#look()
  }

  readonly #onLoss = (): void => {
    this.#losses += 1
    if (this.#client.nodes('master').some(({ status }) => status === 'ready')) this.#look()
    else this.#options.onAllLost()
  }

  #look(): void {
    if (this.#looking) return
    this.#looking = true
    this.#looks = 0
    void this.#lookOnce()
  }

  #lookAgain(): void {
    if (!this.#looking) return
    this.#looks += 1
    const everyMs = this.#looks < 20 ? firstLooksEveryMs : lastLooksEveryMs
    clearTimeout(this.#timer)
    this.#timer = setTimeout(
      () => void this.#lookOnce(),
      Math.max(0, this.#lastLookMs + everyMs - performance.now()),
    )
  }

  async #lookOnce(): Promise<void> {
    this.#lastLookMs = performance.now()
    const served = (await this.#refresh()) && (await this.#allAnswer())
    if (!this.#looking) return
    if (!served) {
      this.#lookAgain()
      return
    }
    this.#looking = false
    this.#options.onRenewed()
  }

  #allAnswer(): Promise<boolean> {
    return new Promise((resolve) => {
      const losses = this.#losses
      // Beyond its own deadline a connection is given up by the client's timeouts, not from here.
      const cancel = startDeadline(2 * this.#options.deadlineMs, () => {
        resolve(false)
      })
      this.#stopWaiting = () => {
        cancel()
        resolve(false)
      }
      void Promise.allSettled(this.#client.nodes('master').map(signOfLife)).then((answers) => {
        cancel()
        const unbroken = losses === this.#losses
        resolve(unbroken && answers.length > 0 && answers.every(({ status }) => status === 'fulfilled'))
      })
    })
  }

  #refresh(): Promise<boolean> {
    return new Promise((resolve) => {
      this.#client.refreshSlotsCache((error) => {
        resolve(error === undefined || error === null)
      })
    })
  }
}

function noPrimary(): Error {
  return new Error('None of startup nodes is available: no primary of the Cluster is known')
}
