import { closest } from 'fastest-levenshtein'

/** The known name that was most likely meant. */
export function nearestOption(name: string, known: readonly string[]): string {
  return closest(name, known)
}
