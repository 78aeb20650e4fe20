import { createHash } from 'node:crypto'

/** A seed of this part's own, so that it asks the same whether or not others are played before it. */
export function seedFor(seed: number, part: string): number {
  return createHash('sha256').update(`${seed} ${part}`).digest().readUInt32LE()
}
