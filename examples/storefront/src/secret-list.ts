/** The secrets of a variable that holds several, separated by commas, while they rotate. */
export function secretList(value: string): readonly string[] {
  return value
    .split(',')
    .map((secret) => secret.trim())
    .filter((secret) => secret !== '')
}
