import { Deliveries, type DeliveryCounts } from './deliveries.js'
import { type DepartureCounts, Departures } from './departures.js'
import { type Shop } from './fleet.js'
import { type AdmissionCounts, GreedyVisitor } from './greedy-visitor.js'

/** What became of those who do more than read. */
export interface PeopleCounts {
  readonly departures: DepartureCounts
  readonly admissions: AdmissionCounts
  readonly deliveries: DeliveryCounts
}

/** Beside the load: people who sign out, one who asks too much, and a shop system that sends orders. */
export class People {
  readonly #departures: Departures
  readonly #greedy: GreedyVisitor
  readonly #deliveries: Deliveries

  constructor(shops: readonly Shop[], seed: number) {
    this.#departures = new Departures(shops)
    this.#greedy = new GreedyVisitor(shops)
    this.#deliveries = new Deliveries(shops, seed)
  }

  /** Signs in who is to leave, and fills the stock. */
  async prepare(vendorIds: readonly string[], databaseUrl: string): Promise<void> {
    await this.#departures.signIn(vendorIds)
    await this.#deliveries.prepare(databaseUrl)
  }

  start(): void {
    this.#departures.start()
    this.#greedy.start()
    this.#deliveries.start()
  }

  async stop(): Promise<void> {
    await Promise.all([this.#departures.stop(), this.#greedy.stop(), this.#deliveries.stop()])
  }

  async count(databaseUrl: string): Promise<PeopleCounts> {
    return {
      departures: await this.#departures.count(),
      admissions: this.#greedy.counts,
      deliveries: await this.#deliveries.count(databaseUrl),
    }
  }

  async close(): Promise<void> {
    this.#departures.close()
    await Promise.all([this.#greedy.stop(), this.#deliveries.stop()])
  }
}
