/** RESP2 and RESP3, as far as it takes to tell where a request or a reply ends. */

export interface Frame {
  /** Offset behind its last byte, in the chunk that completed it. */
  end: number
  /** An out-of-band message of RESP3, which answers no request. */
  push: boolean
  bytes: Buffer
}

const lineTypes = '+-:_#,('
const stringTypes = '$!='
const listTypes = '*~>'
const pairTypes = '%|'

/** Cuts a stream of bytes into frames, however the chunks fall. */
export class FrameCutter {
  #pending: Buffer = Buffer.alloc(0)

  /** The frames that this chunk completes. */
  feed(chunk: Buffer): Frame[] {
    const before = this.#pending.length
    const bytes = before === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    const frames: Frame[] = []
    let start = 0
    for (;;) {
      const end = frameEnd(bytes, start)
      if (end === undefined) break
      frames.push({ end: end - before, push: bytes[start] === 0x3e, bytes: bytes.subarray(start, end) })
      start = end
    }
    this.#pending = bytes.subarray(start)
    return frames
  }
}

/** A request as one would type it: `SET key value`. */
export function requestText(frame: Buffer): string {
  if (frame[0] !== 0x2a) return frame.toString('utf8').trim()
  const parts: string[] = []
  let offset = lineEnd(frame, 0) ?? frame.length
  for (;;) {
    const header = lineEnd(frame, offset)
    if (header === undefined) return parts.join(' ')
    const length = Number(frame.toString('latin1', offset + 1, header - 2))
    parts.push(frame.toString('utf8', header, header + length))
    offset = header + length + 2
  }
}

/** The offset behind the frame that starts here; undefined when it is not complete. */
function frameEnd(bytes: Buffer, start: number): number | undefined {
  const header = lineEnd(bytes, start)
  if (header === undefined) return undefined
  const type = String.fromCharCode(bytes[start] ?? 0)
  if (lineTypes.includes(type)) return header
  const length = Math.max(0, Number(bytes.toString('latin1', start + 1, header - 2)))
  if (stringTypes.includes(type)) {
    // A null string is its header alone.
    const end = bytes[start + 1] === 0x2d ? header : header + length + 2
    return end <= bytes.length ? end : undefined
  }
  if (listTypes.includes(type)) return framesEnd(bytes, header, length)
  // An attribute stands before the reply it describes and belongs to it.
  if (pairTypes.includes(type)) return framesEnd(bytes, header, type === '|' ? 2 * length + 1 : 2 * length)
  // An inline command.
  return header
}

function framesEnd(bytes: Buffer, start: number, count: number): number | undefined {
  let end: number | undefined = start
  for (let index = 0; index < count && end !== undefined; index++) end = frameEnd(bytes, end)
  return end
}

function lineEnd(bytes: Buffer, start: number): number | undefined {
  const newline = bytes.indexOf('\n', start)
  return newline < 0 ? undefined : newline + 1
}
