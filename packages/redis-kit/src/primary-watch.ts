import type { ClusterClient, ClusterNodeClient } from './client.js'
import { startDeadline } from './deadline.js'
import { signOfLife } from './sign-of-life.js'

interface PrimaryWatchOptions {
  readonly client: ClusterClient
  /** A primary is another one than before, or its connection was lost and is there again. */
  readonly onRenewed: () => void
  /** A primary that has not answered by then is not back yet. */
  readonly deadlineMs: number
}

/** A failover in order breaks no connection: it shows only when the slots are asked for. */
const refreshEveryMs = 5000
/** A failover shows in several events; they are gathered for this long. */
const gatherMs = 200
/** While a shard is away it is looked for this often at first, and this often at last. */
const firstLookMs = 250
const lastLookMs = 1000

function addressOf({ options }: ClusterNodeClient): string {
  return `${options.host ?? ''}:${options.port ?? 0}`
}

/**
 * Watches the primaries of a Cluster, one of which can be replaced while the link as a whole stays up.
 *
 * ```
 *   quiet ── connection to a primary lost, or CLUSTER SLOTS names another ──► looking
 *     ▲                                                                         │
 *     └───────── CLUSTER SLOTS was read and every primary in it answers ────────┘ onRenewed
 * ```
 *
 * Looking also finds the new primary when no command goes to that shard: a Cluster client learns of a
 * failover only by asking.
 */
export class PrimaryWatch {
  readonly #options: PrimaryWatchOptions
  readonly #client: ClusterClient
  #known: ReadonlySet<string> | undefined
  #timer: NodeJS.Timeout | undefined
  #interval: NodeJS.Timeout | undefined
  #looking = false
  /** Counts what happened, so that a look that was overtaken is repeated. */
  #losses = 0

  constructor(options: PrimaryWatchOptions) {
    this.#options = options
    this.#client = options.client
  }

  /** Takes the primaries of now for known. */
  start(): void {
    if (this.#known !== undefined) return
    this.#known = this.#primaries()
    this.#client.on('-node', this.#onNodeLost)
    this.#client.on('refresh', this.#onRefresh)
    // Not the client's own slotsRefreshInterval, which goes on after a disconnect() that met a refresh.
    this.#interval = setInterval(() => void this.#refresh(), refreshEveryMs)
  }

  stop(): void {
    this.#known = undefined
    this.#looking = false
    clearTimeout(this.#timer)
    clearInterval(this.#interval)
    this.#client.off('-node', this.#onNodeLost)
    this.#client.off('refresh', this.#onRefresh)
  }

  #primaries(): Set<string> {
    return new Set(this.#client.nodes('master').map(addressOf))
  }

  readonly #onNodeLost = (node: ClusterNodeClient): void => {
    // Replicas come and go, and a start node may be known by another name than its own.
    if (this.#known?.has(addressOf(node)) === true) this.#suspect()
  }

  readonly #onRefresh = (): void => {
    const primaries = this.#primaries()
    const same = primaries.size === this.#known?.size && [...primaries].every((one) => this.#known?.has(one))
    if (!same) this.#suspect()
  }

  #suspect(): void {
    this.#losses += 1
    if (this.#looking) return
    this.#looking = true
    this.#lookIn(gatherMs, firstLookMs)
  }

  #lookIn(delayMs: number, nextMs: number): void {
    this.#timer = setTimeout(() => void this.#look(nextMs), delayMs)
  }

  async #look(nextMs: number): Promise<void> {
    const refreshed = await this.#refresh()
    const losses = this.#losses
    const served = refreshed && (await this.#allAnswer())
    if (!this.#looking) return
    if (!served || losses !== this.#losses) {
      this.#lookIn(nextMs, Math.min(2 * nextMs, lastLookMs))
      return
    }
    this.#looking = false
    this.#known = this.#primaries()
    this.#options.onRenewed()
  }

  #refresh(): Promise<boolean> {
    return new Promise((resolve) => {
      this.#client.refreshSlotsCache((error) => {
        resolve(error === undefined || error === null)
      })
    })
  }

  async #allAnswer(): Promise<boolean> {
    const answers = this.#client.nodes('master').map((node) => this.#answers(node))
    return answers.length > 0 && (await Promise.all(answers)).every(Boolean)
  }

  #answers(node: ClusterNodeClient): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = startDeadline(this.#options.deadlineMs, () => {
        resolve(false)
      })
      const settle = (alive: boolean): void => {
        cancel()
        resolve(alive)
      }
      signOfLife(node).then(
        () => {
          settle(true)
        },
        () => {
          settle(false)
        },
      )
    })
  }
}
