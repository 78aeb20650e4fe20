import { STATUS_CODES } from 'node:http'
import { format } from '@lukeed/ms'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { RefusalKind } from './errors.js'
import { contextOf, errorsAreFastifys } from './route-context.js'

/** There are as many texts as seconds in a window. */
const mostTexts = 1000

/** A serializer for what is JSON already, in place of one of the app. */
export const asItIs = (text: unknown): string => String(text)

/** In words, such as `'5 minutes'`. */
export function inWords(seconds: number): string {
  return format(Math.max(1, seconds) * 1000, true)
}

/**
 * Answers refused requests as Fastify would answer the error, without making one: that costs more than all
 * the rest of a refusal. Where the app has a say in errors it gets the error.
 */
export class PreparedRefusals {
  readonly #texts = new Map<RefusalKind, Map<number, string>>()
  readonly #routes = new WeakMap<object, boolean>()

  /** @returns Whether the request was answered; else the error has to be thrown. */
  answer(request: FastifyRequest, reply: FastifyReply, kind: RefusalKind, seconds: number): boolean {
    if (!this.#mayAnswer(request)) return false
    void reply
      .code(kind.statusCode)
      .header('content-type', 'application/json; charset=utf-8')
      .serializer(asItIs)
      .send(this.#text(kind, seconds))
    return true
  }

  #mayAnswer(request: FastifyRequest): boolean {
    const route = contextOf(request)
    if (route === undefined) return false
    let may = this.#routes.get(route)
    if (may === undefined) {
      may = errorsAreFastifys(request)
      this.#routes.set(route, may)
    }
    return may
  }

  #text(kind: RefusalKind, seconds: number): string {
    let texts = this.#texts.get(kind)
    if (texts === undefined || texts.size >= mostTexts) {
      texts = new Map()
      this.#texts.set(kind, texts)
    }
    let text = texts.get(seconds)
    if (text === undefined) {
      const { statusCode, code } = kind
      const message = `${kind.text} ${inWords(seconds)}`
      text = JSON.stringify({ statusCode, code, error: STATUS_CODES[statusCode], message })
      texts.set(seconds, text)
    }
    return text
  }
}
