/** Whatever runs a function when it is over; tap's `t` fits. */
export interface TeardownHost {
  teardown(stop: () => Promise<void>): unknown
}
