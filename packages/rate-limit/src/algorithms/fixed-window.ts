import { admit, type Counter, type Decision, type Limit, type Run, type Usage } from './limit.js'

/** Counts one key by calendar windows. */
export class FixedWindow implements Counter {
  #window = -Infinity
  #used = 0

  take(nowUs: number, limit: Limit, runs: readonly Run[]): Decision {
    const window = Math.floor(nowUs / limit.windowUs)
    // A clock that went back a little stays in the window that has begun; by more, it begins afresh.
    if (window > this.#window || window < this.#window - 1) {
      this.#window = window
      this.#used = 0
    }
    const startUs = this.#window * limit.windowUs
    const endsInUs = startUs + limit.windowUs - Math.max(nowUs, startUs)
    const available = limit.max - this.#used
    const { taken, runs: decided } = admit(available, runs, () => endsInUs)
    this.#used += taken
    return { available, resetUs: this.#used === 0 ? 0 : endsInUs, runs: decided }
  }
}

/** The units of the newest window. */
export class FixedWindowUsage implements Usage {
  #window = 0
  #units = 0
  #endsAtUs = 0

  get endsAtUs(): number {
    return this.#endsAtUs
  }

  add(nowUs: number, limit: Limit, cost: number): void {
    const window = Math.floor(nowUs / limit.windowUs)
    if (window > this.#window) {
      this.#window = window
      this.#units = 0
      this.#endsAtUs = (window + 1) * limit.windowUs
    }
    this.#units += cost
  }

  toCharge(): readonly number[] {
    return [this.#window, this.#units]
  }
}
