import type { SignedIn } from './api-types.js'
import { span } from './format.js'

const FAILED = 'Something went wrong on the server; its log says what.'

/** The server's refusal, which says itself what is wrong. */
export class Refusal extends Error {
  readonly statusCode: number
  readonly code: string

  constructor(statusCode: number, code: string, message: string) {
    super(message)
    this.name = 'Refusal'
    this.statusCode = statusCode
    this.code = code
  }
}

export interface Answer<Body> {
  body: Body
  nextCursor: string | null
}

interface Question {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  content?: object | undefined
  headers?: Readonly<Record<string, string>>
  signal?: AbortSignal
}

/** Speaks to the storefront's API as the user of this page. */
export class Api {
  /** Called when the server no longer knows the user. */
  onSignedOut: () => void = () => undefined
  #csrfToken = ''

  /** Who is signed in; the token goes with everything that changes something. */
  async session(): Promise<SignedIn> {
    return this.#keep(await this.ask<SignedIn>('/auth/session'))
  }

  async signIn(email: string, password: string): Promise<SignedIn> {
    return this.#keep(
      await this.ask<SignedIn>('/auth/login', { method: 'POST', content: { email, password } }),
    )
  }

  async signOut(): Promise<void> {
    await this.ask('/auth/logout', { method: 'POST' })
  }

  /** Throws a {@link Refusal}, or an Error where the server cannot be reached. */
  async ask<Body>(path: string, question: Question = {}): Promise<Answer<Body>> {
    const response = await this.#send(path, question)
    if (response.ok) return answerOf<Body>(response)
    const refusal = await refusalOf(response)
    if (refusal.statusCode === 401 && path !== '/auth/login') this.onSignedOut()
    if (refusal.statusCode !== 403 || (question.method ?? 'GET') === 'GET') throw refusal
    // Another page of this browser may have signed in anew, and the token is that of the session before.
    const tokenBefore = this.#csrfToken
    await this.session()
    if (this.#csrfToken === tokenBefore) throw refusal
    const again = await this.#send(path, question)
    if (again.ok) return answerOf<Body>(again)
    throw await refusalOf(again)
  }

  #keep({ body }: Answer<SignedIn>): SignedIn {
    this.#csrfToken = body.csrfToken
    return body
  }

  async #send(path: string, { method = 'GET', content, headers = {}, signal }: Question): Promise<Response> {
    const changes = method !== 'GET'
    try {
      return await fetch(path, {
        method,
        headers: {
          accept: 'application/json',
          ...(changes ? { 'x-csrf-token': this.#csrfToken } : {}),
          ...(content === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(content === undefined ? {} : { body: JSON.stringify(content) }),
        ...(signal === undefined ? {} : { signal }),
      })
    } catch (error) {
      if (signal?.aborted === true) throw error
      throw new Error('The server cannot be reached. Try again in a moment.', { cause: error })
    }
  }
}

/** The server checks what it answers by its schemas, which is why it is taken at its word here. */
async function answerOf<Body>(response: Response): Promise<Answer<Body>> {
  const text = await response.text()
  const body = (text === '' ? undefined : JSON.parse(text)) as Body
  return { body, nextCursor: response.headers.get('x-next-cursor') }
}

async function refusalOf(response: Response): Promise<Refusal> {
  const retryAfter = response.headers.get('retry-after')
  const wait = retryAfter === null ? '' : ` Try again in ${span(Number(retryAfter))}.`
  try {
    const { code, message } = JSON.parse(await response.text()) as { code: string; message: string }
    if (response.status === 429) {
      return new Refusal(429, code, `Too many requests from this address for now.${wait}`)
    }
    if (response.status === 500) return new Refusal(500, code, FAILED)
    // Most of those that know when say as well that one may try again.
    const saysSo = /\btry again\b/i.test(message)
    return new Refusal(response.status, code, `${message.replace(/\.$/, '')}.${saysSo ? '' : wait}`)
  } catch {
    return new Refusal(response.status, 'UNREADABLE', `The server answered ${response.status}.${wait}`)
  }
}
