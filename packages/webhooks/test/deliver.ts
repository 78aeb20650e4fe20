import type { Delivery } from '../dist/index.js'

/** A request as Fastify hands it over: names of headers in lower case. */
export function deliver(
  body: string | Buffer,
  headers: Readonly<Record<string, string>>,
  nowMs: number = Date.now(),
): Delivery {
  return {
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    body: Buffer.from(body),
    nowMs,
  }
}
