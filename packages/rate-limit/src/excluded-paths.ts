/** Whether a pattern is one: a path, or a path that ends in `*` for all that begins with it. */
export function isPathPattern(value: unknown): value is string {
  return typeof value === 'string' && /^\/[^*?#]*\*?$/.test(value)
}

/**
 * Paths that are not limited. Compared with the path as it was sent: one that was written otherwise
 * (encoded, say) is limited, which is the safe side.
 */
export class ExcludedPaths {
  readonly #exact = new Set<string>()
  readonly #beginnings: string[] = []

  constructor(patterns: readonly string[]) {
    for (const pattern of patterns) {
      if (pattern.endsWith('*')) this.#beginnings.push(pattern.slice(0, -1))
      else this.#exact.add(pattern)
    }
  }

  get any(): boolean {
    return this.#exact.size > 0 || this.#beginnings.length > 0
  }

  /** @param url - Path and query, as in `request.raw.url`. */
  has(url: string): boolean {
    if (this.#exact.size > 0) {
      const end = url.indexOf('?')
      if (this.#exact.has(end < 0 ? url : url.slice(0, end))) return true
    }
    for (const beginning of this.#beginnings) if (url.startsWith(beginning)) return true
    return false
  }
}
