import { failoverFaults } from './failover-faults.js'
import { type Fault } from './fault.js'
import { singleFaults } from './single-faults.js'
import { type ChaosOptions } from '../options.js'

const all: readonly Fault[] = [...singleFaults, ...failoverFaults]

/**
 * The faults that the options ask for.
 *
 * @throws a TypeError for a name that no fault has, and when nothing is left
 */
export function chooseFaults({
  only,
  topologies,
  short,
}: Pick<ChaosOptions, 'only' | 'topologies' | 'short'>): readonly Fault[] {
  const names = [...new Set(all.map(({ name }) => name))]
  for (const name of only) {
    if (!names.includes(name))
      throw new TypeError(`No fault is called "${name}"; there are ${names.join(', ')}`)
  }
  const chosen = all.filter(
    (fault) =>
      (topologies.length === 0 || topologies.includes(fault.topology)) &&
      (only.length === 0 ? !short || fault.short : only.includes(fault.name)),
  )
  if (chosen.length === 0) throw new TypeError('No fault is left: --only and --topology exclude each other')
  return chosen
}
