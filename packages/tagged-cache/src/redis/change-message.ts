/** What processes tell each other: tags were invalidated, or keys written or removed. */
export interface Change {
  /** `nonce.time`, or the nonce alone where the version is to be read. */
  readonly version: string
  readonly tags: readonly string[]
  /** Who wrote the keys. */
  readonly from: string
  readonly keys: readonly string[]
}

/** The nonce comes first: a script puts the version in its place. */
export function changeText({ version = '', tags = [], from = '', keys = [] }: Partial<Change>): string {
  return JSON.stringify([version, from, tags, keys])
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

/** @returns Undefined for what is no change, such as the message of a newer version. */
export function parseChange(payload: string): Change | undefined {
  try {
    const parsed: unknown = JSON.parse(payload)
    const parts: readonly unknown[] = Array.isArray(parsed) ? parsed : []
    const [version, from, tags, keys] = parts
    if (typeof version !== 'string' || typeof from !== 'string') return undefined
    if (!isTexts(tags) || !isTexts(keys)) return undefined
    return { version, from, tags, keys }
  } catch {
    return undefined
  }
}
