/**
 * Runs in a worker: naps again and again, and adds up by how much it overslept. A thread that does nothing
 * else oversleeps when the machine does not let it run, and not when the program beside it is busy.
 *
 * The clock of `process.hrtime` is the same in all threads. The memory it is given holds, in nanoseconds:
 * 0 how long it overslept until now, 1 when the nap that goes on ends, or `changing`.
 */
import { isMainThread, workerData } from 'node:worker_threads'

export const changing = -1n
const napMs = 5
/** By so much a nap is late on a machine that is merely busy. */
const ordinaryMs = 5

if (!isMainThread) watch(new BigInt64Array(workerData as SharedArrayBuffer))

function watch(shared: BigInt64Array): never {
  const bed = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  for (;;) {
    const dueNs = process.hrtime.bigint() + BigInt(napMs + ordinaryMs) * 1_000_000n
    Atomics.store(shared, 1, dueNs)
    Atomics.wait(bed, 0, 0, napMs)
    Atomics.store(shared, 1, changing)
    const lateNs = process.hrtime.bigint() - dueNs
    if (lateNs > 0n) Atomics.add(shared, 0, lateNs)
  }
}
