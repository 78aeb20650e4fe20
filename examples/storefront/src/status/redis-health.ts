/** What `GET /api/v1/health` says about Redis. */
export interface RedisHealthReport {
  status: 'healthy' | 'unhealthy' | 'disabled'
  latency: string | null
  connected: boolean
}

/** What this needs of `app.redisConnection`. */
export interface RedisProbe {
  readonly status: string
  check(): Promise<{
    status: 'healthy' | 'unhealthy' | 'disabled'
    connected: boolean
    latencyMs: number | null
  }>
}

const ANSWER_WITHIN_MS = 25
const UNHEALTHY: RedisHealthReport = { status: 'unhealthy', latency: null, connected: false }

/**
 * Asks Redis how it is, and never waits for one that does not answer: the last report is given instead,
 * while the question stays open for whoever asks next.
 */
export class RedisHealth {
  readonly #redis: RedisProbe
  #last: RedisHealthReport | undefined
  #asking: Promise<RedisHealthReport> | undefined

  constructor(redis: RedisProbe) {
    this.#redis = redis
  }

  async report(): Promise<RedisHealthReport> {
    const { status } = this.#redis
    if (status === 'off') return { status: 'disabled', latency: null, connected: false }
    if (status !== 'up') return UNHEALTHY
    this.#asking ??= this.#ask()
    return withinMs(this.#asking, ANSWER_WITHIN_MS, () => this.#last ?? UNHEALTHY)
  }

  async #ask(): Promise<RedisHealthReport> {
    try {
      const { status, connected, latencyMs } = await this.#redis.check()
      const latency = latencyMs === null ? null : `${Math.round(latencyMs)}ms`
      this.#last = { status, latency, connected }
    } catch {
      this.#last = UNHEALTHY
    } finally {
      this.#asking = undefined
    }
    return this.#last
  }
}

async function withinMs<Value>(
  value: Promise<Value>,
  milliseconds: number,
  otherwise: () => Value,
): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Value>((resolve) => {
    timer = setTimeout(() => resolve(otherwise()), milliseconds)
  })
  try {
    return await Promise.race([value, late])
  } finally {
    clearTimeout(timer)
  }
}
