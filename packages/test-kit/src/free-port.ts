import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * Below the range that systems hand out to outgoing connections (Linux from 32768, macOS from 49152). In that
 * range a port that is free for a moment, while its server is killed and started again, can be taken by an
 * outgoing connection, and a client that dials a closed port of its own machine can even connect to itself.
 */
const lowestPort = 20_000
const highestPort = 32_000
const attempts = 50

/** A TCP port of the loopback address on which nothing listens. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const port = randomInt(lowestPort, highestPort)
    if (await isFree(port)) return port
  }
  throw new Error(
    `No free port between ${lowestPort} and ${highestPort} after ${attempts} attempts; end what listens there.`,
  )
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      probe.close(() => resolve(true))
    })
  })
}
