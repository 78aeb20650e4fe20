import { closest } from 'fastest-levenshtein'

/** The known name that was most likely meant: one that holds the unknown one, else the most alike. */
export function nearestOption(name: string, known: readonly string[]): string {
  const wanted = name.toLowerCase()
  return known.find((option) => option.toLowerCase().includes(wanted)) ?? closest(name, known)
}
