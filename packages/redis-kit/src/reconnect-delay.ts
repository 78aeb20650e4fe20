/**
 * How long to wait before the next attempt to connect: 50 ms, doubling to 500 ms, so that a server that
 * returns is picked up within a second; from the second minute on 2 s. With jitter, so that a fleet
 * does not come back in one instant.
 *
 * @param attempt - 1 for the first attempt after the connection was lost.
 * @returns Milliseconds.
 */
export function reconnectDelay(attempt: number): number {
  const longest = attempt > 120 ? 2000 : 500
  const delay = Math.min(50 * 2 ** (attempt - 1), longest)
  return Math.round(delay * (0.8 + Math.random() * 0.4))
}
