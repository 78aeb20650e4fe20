import { PageInvalidError } from '../errors.js'

const wrongCursor = 'the cursor is not one that this store gave out; leave it out to begin at the first page'

/** Makes a position opaque, so that nobody builds on what it holds. */
export function encodeCursor(...position: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url')
}

/**
 * @param accepts - Whether the position is one of the store's own.
 * @throws STAY_INSTANCE_PAGE_INVALID
 */
export function decodeCursor<Position>(
  cursor: string,
  accepts: (position: unknown) => position is Position,
): Position {
  let position: unknown
  try {
    position = JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch (cause) {
    throw new PageInvalidError(wrongCursor, { cause })
  }
  if (!accepts(position)) throw new PageInvalidError(wrongCursor)
  return position
}
