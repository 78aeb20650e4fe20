import { connect, type Socket } from 'node:net'

/** Requests that are sent at once over one connection. */
const pipelined = 25
const statusLine = /HTTP\/1\.1 (\d{3}) /g

/**
 * Sends so many requests over a few connections, pipelined, and counts the answers by status. A
 * connection that ends early leaves its requests unanswered.
 */
export async function load(
  url: string,
  count: number,
  connections = 4,
): Promise<ReadonlyMap<number, number>> {
  const { hostname, port, host, pathname } = new URL(url)
  const answers = new Map<number, number>()
  const request = `GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\n\r\n`
  let left = count

  const client = (socket: Socket): Promise<void> =>
    new Promise((resolve) => {
      let awaited = 0
      let text = ''
      const next = (): void => {
        awaited = Math.min(pipelined, left)
        left -= awaited
        if (awaited === 0) socket.end()
        else socket.write(request.repeat(awaited))
      }
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1')
        let end = 0
        for (const match of text.matchAll(statusLine)) {
          const status = Number(match[1])
          answers.set(status, (answers.get(status) ?? 0) + 1)
          awaited -= 1
          end = match.index + match[0].length
        }
        // What is left may be the beginning of the next status line.
        text = text.slice(Math.max(end, text.length - 12))
        if (awaited === 0) next()
      })
      socket.once('error', () => socket.destroy())
      socket.once('close', () => {
        resolve()
      })
      socket.once('connect', next)
    })
  await Promise.all(
    Array.from({ length: connections }, () => client(connect({ host: hostname, port: Number(port) }))),
  )
  return answers
}
