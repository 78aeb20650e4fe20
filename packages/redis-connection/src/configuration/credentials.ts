/**
 * A user and a password that no log, error or JSON shows by accident: they live in private fields, which
 * neither `util.inspect` nor `JSON.stringify` reads. Only `reveal` hands them out.
 */
export class Credentials {
  static readonly none: Credentials = new Credentials(undefined, undefined)

  readonly #username: string | undefined
  readonly #password: string | undefined

  constructor(username: string | undefined, password: string | undefined) {
    this.#username = username
    this.#password = password
  }

  get isEmpty(): boolean {
    return this.#username === undefined && this.#password === undefined
  }

  /** For the client's options only. */
  reveal(): { readonly username: string | undefined; readonly password: string | undefined } {
    return { username: this.#username, password: this.#password }
  }

  /** These, with what is missing taken from others. */
  orElse(others: Credentials): Credentials {
    const rest = others.reveal()
    return new Credentials(this.#username ?? rest.username, this.#password ?? rest.password)
  }
}
