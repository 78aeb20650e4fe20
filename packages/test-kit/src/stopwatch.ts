import { Worker } from 'node:worker_threads'
import { changing } from './stall-watch.js'

let watched: BigInt64Array | undefined

/**
 * Starts to measure. The function that is returned tells the milliseconds since then, without those in which
 * the machine let nothing of this process run: a virtual machine that stands still for a second says
 * nothing about how long a request waits. Time in which the program blocks its own event loop counts.
 */
export function startStopwatch(): () => number {
  const shared = (watched ??= watchStalls())
  const startedNs = runNs(shared)
  return () => Number(runNs(shared) - startedNs) / 1e6
}

/** A clock that stands while the process stands, in nanoseconds. */
function runNs(shared: BigInt64Array): bigint {
  for (;;) {
    const dueNs = Atomics.load(shared, 1)
    const overslept = Atomics.load(shared, 0)
    const nowNs = process.hrtime.bigint()
    if (dueNs === changing || Atomics.load(shared, 1) !== dueNs) continue
    // A stall that has just ended is known here before the watch knows of it.
    return (dueNs > 0n && dueNs < nowNs ? dueNs : nowNs) - overslept
  }
}

function watchStalls(): BigInt64Array {
  const memory = new SharedArrayBuffer(2 * BigInt64Array.BYTES_PER_ELEMENT)
  const worker = new Worker(new URL('stall-watch.js', import.meta.url), { workerData: memory })
  worker.unref()
  return new BigInt64Array(memory)
}
