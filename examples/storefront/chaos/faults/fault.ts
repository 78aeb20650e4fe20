export type Topology = 'single' | 'sentinel' | 'cluster'

/** How a storefront process is told where its Redis is. */
export type RedisEnvironment = Readonly<Record<string, string>>

/** A Redis of this fault's own, for two processes, and the two moves. */
export interface Stage {
  /** One for each process. */
  environments: readonly [RedisEnvironment, RedisEnvironment]
  strike: () => void | Promise<void>
  /** Ends the fault; where the topology mends itself, resolves when it has. */
  heal: () => void | Promise<void>
  close(): Promise<void>
}

export interface Fault {
  name: string
  topology: Topology
  /** What happens, for the report. */
  title: string
  /** Whether Redis, by its own settings, still has all that it acknowledged. */
  keepsData: boolean
  /** Recovery is counted from the strike: nobody has to mend anything. */
  mendsItself: boolean
  /** Which processes lose their Redis; the others should not notice. */
  strikes: 'both' | 'first'
  /** Played again and again in one go, with memory and handles watched. */
  repeated: boolean
  /** Part of the short form. */
  short: boolean
  open(): Promise<Stage>
}
