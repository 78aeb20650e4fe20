/** A reply of INFO. Every field may be missing: servers that call themselves Redis tell different things. */
export class ServerInfo {
  readonly #fields: ReadonlyMap<string, string>

  constructor(reply: string) {
    this.#fields = new Map(
      reply.split(/\r?\n/).flatMap((line) => {
        const colon = line.indexOf(':')
        return colon > 0 ? [[line.slice(0, colon), line.slice(colon + 1)] as const] : []
      }),
    )
  }

  text(field: string): string | undefined {
    return this.#fields.get(field)
  }

  /** Undefined for a field that is missing or no number. */
  number(field: string): number | undefined {
    const text = this.#fields.get(field)
    const value = text === undefined || text.trim() === '' ? Number.NaN : Number(text)
    return Number.isFinite(value) ? value : undefined
  }

  /** Tells one start of one server from all others; counters begin anew with it. */
  get runId(): string | undefined {
    return this.#fields.get('run_id')
  }
}
