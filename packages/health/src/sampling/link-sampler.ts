import { isRedisRefused, isRedisUnavailable, type RedisLink, type RefusalReason } from '@stayfast/redis-kit'
import { performance } from 'node:perf_hooks'
import { LatencyWindow } from './latency-window.js'
import { ratesBetween, type Rates, type Reading } from './rates.js'
import { readServers } from './read-servers.js'
import type { ServerInfo } from './server-info.js'

/** One server behind a link: several on a Cluster. */
export interface ServerSample {
  readonly info: ServerInfo
  readonly rates: Rates
}

/** What was measured last. */
export interface LinkSample {
  /** Of a PING, the event loop's own delay included. */
  readonly latencyMs: number
  /** The part of it in which this process was busy with something else. */
  readonly loopBusyMs: number
  /**
   * Redis answers, and refuses to work: it is loading, over its quota, or runs a script without end; or a part of
   * a Cluster does not answer.
   */
  readonly refusal: RefusalReason | undefined
  /** None where INFO is denied, or was not answered. */
  readonly servers: readonly ServerSample[]
  /** Wall clock, for people. */
  readonly at: Date
}

/** How a link is sampled. */
export interface LinkSamplerOptions {
  readonly link: RedisLink
  readonly everyMs: number
  readonly onSampled: () => void
}

/**
 * Measures a link in the background, at its own pace: what probes are told is what was found last, so
 * that they cost Redis nothing. A sample is a PING and an INFO; where commands are billed INFO alone.
 */
export class LinkSampler {
  readonly link: RedisLink
  readonly window: LatencyWindow = new LatencyWindow()
  readonly #options: LinkSamplerOptions
  #last: LinkSample | undefined
  #readings = new Map<string, Reading>()
  #sampling: Promise<void> | undefined
  #infoDenied = false
  #timer: NodeJS.Timeout | undefined
  #stopListening: () => void = () => undefined
  #running = false

  constructor(options: LinkSamplerOptions) {
    this.link = options.link
    this.#options = options
  }

  /** Undefined until Redis has answered once. */
  get last(): LinkSample | undefined {
    return this.#last
  }

  /** Redis can be asked, and did its work when it was asked last. */
  get healthy(): boolean {
    return this.link.status === 'up' && this.#last !== undefined && this.#last.refusal === undefined
  }

  start(): void {
    this.#running = true
    this.#stopListening = this.link.onChange(({ status }) => {
      if (status !== 'up') return
      // It may be another server, which lets itself be asked.
      this.#infoDenied = false
      void this.sample()
    })
    this.#schedule()
  }

  stop(): void {
    this.#running = false
    clearTimeout(this.#timer)
    this.#stopListening()
  }

  /** Measures now, or waits for the measurement that is under way. Never rejects. */
  sample(): Promise<void> {
    this.#sampling ??= this.#measure().finally(() => {
      this.#sampling = undefined
      this.#options.onSampled()
    })
    return this.#sampling
  }

  #schedule(): void {
    if (!this.#running) return
    this.#timer = setTimeout(() => {
      void this.sample().then(() => {
        this.#schedule()
      })
    }, this.#options.everyMs)
  }

  async #measure(): Promise<void> {
    if (this.link.status !== 'up') return
    const sparing = this.link.traits.billedByCommand && !this.#infoDenied
    const first = await this.#timed(sparing ? () => this.#readServers() : () => this.#ping())
    if (first === undefined) return
    const read = sparing ? first.value : await this.#readServers().catch(() => undefined)
    const silent = read === undefined ? 0 : read.silent
    this.window.observe(first.latencyMs - first.loopBusyMs)
    this.#last = {
      latencyMs: first.latencyMs,
      loopBusyMs: first.loopBusyMs,
      refusal: first.refusal ?? (silent > 0 ? 'cluster-down' : undefined),
      servers: read?.servers ?? [],
      at: new Date(),
    }
  }

  /** Undefined when there was no answer: the state of the link tells the rest. */
  async #timed<T>(
    ask: () => Promise<T>,
  ): Promise<
    | { latencyMs: number; loopBusyMs: number; refusal: RefusalReason | undefined; value: T | undefined }
    | undefined
  > {
    const busySoFar = performance.eventLoopUtilization()
    const startedMs = performance.now()
    const outcome = await ask().then(
      (value) => ({ value, refusal: undefined }),
      (error: unknown) => {
        if (isRedisUnavailable(error)) return undefined
        // That a user may not ask says nothing against the server.
        const refused = isRedisRefused(error) && error.reason !== 'no-permission'
        return { value: undefined, refusal: refused ? error.reason : undefined }
      },
    )
    if (outcome === undefined) return undefined
    const latencyMs = performance.now() - startedMs
    const { active } = performance.eventLoopUtilization(busySoFar)
    return { latencyMs, loopBusyMs: Math.min(active, latencyMs), ...outcome }
  }

  async #ping(): Promise<undefined> {
    await this.link.run((client) => client.ping())
    return undefined
  }

  async #readServers(): Promise<{ servers: readonly ServerSample[]; silent: number } | undefined> {
    if (this.#infoDenied) return undefined
    const { infos, silent } = await this.link
      .run((client) => readServers(client))
      .catch((error: unknown) => {
        // Asking again for what is not allowed would only cost. LOADING and the like pass.
        if (!isRedisUnavailable(error) && !(isRedisRefused(error) && error.reason !== 'no-permission')) {
          this.#infoDenied = true
        }
        throw error
      })
    const atMs = performance.now()
    const before = this.#readings
    this.#readings = new Map(infos.map((info) => [info.runId ?? '', { info, atMs }]))
    return {
      servers: infos.map((info) => ({
        info,
        rates: ratesBetween(before.get(info.runId ?? ''), { info, atMs }),
      })),
      silent,
    }
  }
}
