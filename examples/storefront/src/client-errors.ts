import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'

interface Refusal {
  statusCode: number
  code: string
  message: string
}

const UNREADABLE: Refusal = {
  statusCode: 400,
  code: 'SHOP_REQUEST_INVALID',
  message: 'This is no HTTP request that can be read',
}

/** By the code of what Node found; anything else is {@link UNREADABLE}. */
const REFUSALS: Readonly<Record<string, Refusal>> = {
  ERR_HTTP_REQUEST_TIMEOUT: {
    statusCode: 408,
    code: 'SHOP_REQUEST_TIMEOUT',
    message: 'The request did not arrive in time: send it again',
  },
  HPE_HEADER_OVERFLOW: {
    statusCode: 431,
    code: 'SHOP_HEADERS_TOO_LARGE',
    message: 'The address and the headers together are too large: send fewer or shorter ones',
  },
}

/**
 * Answers what fails before there is a request, in the shape of every other error, and closes the connection:
 * where the next request would begin in it, nobody knows.
 */
export function refuseUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const { statusCode, code, message } = REFUSALS[error.code ?? ''] ?? UNREADABLE
  const reason = STATUS_CODES[statusCode] ?? 'Error'
  const body = JSON.stringify({ statusCode, code, error: reason, message })
  socket.end(
    [
      `HTTP/1.1 ${statusCode} ${reason}`,
      'Content-Type: application/json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  )
}
