import type { Socket } from 'node:net'

/**
 * Sends RST, unless the end is on its way already. libuv refuses to reset a socket that is shutting down, and
 * Node then forgets to close it: the process could not end any more.
 */
export function resetSocket(socket: Socket): void {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy()
  else socket.resetAndDestroy()
}
