/** How many commands this process sends to Redis. An estimate: see the README for what it misses. */
export interface Usage {
  readonly estimate: true
  /** Since the process started to count. */
  readonly commands: number
  /** In the last whole minute, or in what there is of the first. */
  readonly perMinute: number
  /** In the last 24 hours; in a younger process at its pace so far. */
  readonly perDay: number
  /** In 30 days at that pace. */
  readonly per30Days: number
  /** Commands in 30 days, or undefined. */
  readonly budget: number | undefined
  /** Part of the budget that goes at that pace; undefined without one and in the first ten minutes. */
  readonly budgetUsed: number | undefined
}

const minuteMs = 60_000
const minutesPerDay = 1440
const daysOfBudget = 30
/** Before that, what a process sends to warm up would be taken for its pace. */
const paceAfterMinutes = 10

/** Adds up commands by the minute for a day. Bounded: a number for each minute. */
export class UsageMeter {
  readonly #budget: number | undefined
  readonly #nowMs: () => number
  readonly #startedMs: number
  readonly #minutes = new Float64Array(minutesPerDay)
  /** Number of the minute that is being counted. */
  #minute = 0
  #commands = 0

  /** @param nowMs - A monotonic clock. */
  constructor(budget: number | undefined, nowMs: () => number) {
    this.#budget = budget
    this.#nowMs = nowMs
    this.#startedMs = nowMs()
  }

  add(commands: number): void {
    this.#turn()
    this.#commands += commands
    const slot = this.#minute % minutesPerDay
    this.#minutes[slot] = (this.#minutes[slot] ?? 0) + commands
  }

  get usage(): Usage {
    this.#turn()
    const ageMinutes = (this.#nowMs() - this.#startedMs) / minuteMs
    const whole = this.#minute > 0 ? this.#minute - 1 : 0
    const day = this.#minutes.reduce((sum, commands) => sum + commands, 0)
    const perDay = ageMinutes >= minutesPerDay ? day : (day / Math.max(ageMinutes, 1)) * minutesPerDay
    const per30Days = perDay * daysOfBudget
    return {
      estimate: true,
      commands: this.#commands,
      perMinute: this.#minutes[whole % minutesPerDay] ?? 0,
      perDay: Math.round(perDay),
      per30Days: Math.round(per30Days),
      budget: this.#budget,
      budgetUsed:
        this.#budget === undefined || ageMinutes < paceAfterMinutes ? undefined : per30Days / this.#budget,
    }
  }

  /** Empties the slots of the minutes that have passed. */
  #turn(): void {
    const minute = Math.floor((this.#nowMs() - this.#startedMs) / minuteMs)
    const passed = Math.min(minute - this.#minute, minutesPerDay)
    for (let each = 1; each <= passed; each += 1) this.#minutes[(this.#minute + each) % minutesPerDay] = 0
    this.#minute = minute
  }
}
