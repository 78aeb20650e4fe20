import { closest, distance } from 'fastest-levenshtein'

/**
 * The known name that someone probably meant: one that holds what was written, else the most alike; or
 * undefined where more than half of the letters would have to change.
 */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined
  const byLowerCase = new Map(known.map((candidate) => [candidate.toLowerCase(), candidate]))
  const wanted = name.toLowerCase()
  const longer = known.find((candidate) => wanted.length > 2 && candidate.toLowerCase().includes(wanted))
  if (longer !== undefined) return longer
  const best = closest(wanted, [...byLowerCase.keys()])
  const farthest = Math.floor(Math.max(wanted.length, best.length) / 2)
  return distance(wanted, best) <= farthest ? byLowerCase.get(best) : undefined
}

/** A sentence for an error message: the nearest known name, or all of them where none is near. */
export function didYouMean(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known)
  return nearest === undefined ? `Known names: ${known.join(', ')}.` : `Did you mean "${nearest}"?`
}
