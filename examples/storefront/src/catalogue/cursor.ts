import { CursorInvalidError } from '../errors.js'

/** A place in a list, in a form that clients pass on without reading it. */
export function encodeCursor(position: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url')
}

/** The place that a cursor names; throws `SHOP_CURSOR_INVALID` unless `isPosition` recognises it. */
export function decodeCursor<Position>(
  cursor: string,
  isPosition: (value: unknown) => value is Position,
): Position {
  const position = parsed(Buffer.from(cursor, 'base64url').toString())
  if (!isPosition(position)) throw new CursorInvalidError()
  return position
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
