import { setPriority } from 'node:os'

/**
 * Lets a process, and what it starts from now on, give way to others where they want the same processor.
 *
 * @param niceness - 0 to 19; the higher, the more it gives way.
 */
export function giveWay(pid: number, niceness: number): void {
  try {
    setPriority(pid, niceness)
  } catch {
    // It has ended already.
  }
}
