import type { TagVersion } from '../tags/tag-version.js'

/** What is known of an entry before its value is decoded. Times in ms of the clock of Redis. */
export interface EntryHeader {
  readonly id: string
  readonly codec: string
  readonly createdMs: number
  readonly freshUntilMs: number
  readonly staleUntilMs: number
  readonly errorUntilMs: number
  /** Names in the whole cache, those of the scopes included. */
  readonly tags: readonly string[]
  readonly versions: readonly TagVersion[]
}

/** An entry as it lies in Redis. */
export interface StoredEntry extends EntryHeader {
  readonly payload: string
}

/** Ids have this many characters, so that a script compares them without parsing. */
export const idLength = 14

/**
 * The text of an entry in three parts, so that a script can put in what it alone knows:
 *
 * ```
 * <id> <version> <version> …\n
 * [codec, created, fresh, stale, error, [tag, tag, …]]\n
 * payload
 * ```
 */
export function entryTail(header: Omit<EntryHeader, 'id' | 'versions'>, payload: string): string {
  const { codec, createdMs, freshUntilMs, staleUntilMs, errorUntilMs, tags } = header
  const times = `${createdMs},${freshUntilMs - createdMs},${staleUntilMs - createdMs},${errorUntilMs - createdMs}`
  return `["${codec}",${times},${JSON.stringify(tags)}]\n${payload}`
}

/** The whole text; see {@link entryTail}. */
export function entryText(id: string, versions: readonly TagVersion[], tail: string): string {
  return `${id} ${versions.join(' ')}\n${tail}`
}

/** Which entry a text is; empty where there is none. */
export function entryId(text: string | null): string {
  return text === null ? '' : text.slice(0, idLength)
}

/** Entries of one kind have the same tags, and mostly the same versions of them: so many lists are remembered. */
const listsAtMost = 500
/** What is longer is rarely the same twice, and all of it would stay in memory. */
const lettersAtMost = 1000

/** What was made of a text before. */
class Memo<Value> {
  readonly #make: (text: string) => Value
  readonly #known = new Map<string, Value>()

  constructor(make: (text: string) => Value) {
    this.#make = make
  }

  of(text: string): Value {
    if (text.length > lettersAtMost) return this.#make(text)
    const known = this.#known.get(text)
    if (known !== undefined) return known
    const made = this.#make(text)
    if (this.#known.size >= listsAtMost) this.#known.clear()
    // A part of a long text keeps all of it in memory.
    this.#known.set(Buffer.from(text).toString(), made)
    return made
  }
}

const noNames: readonly string[] = []

const namesIn = new Memo<readonly string[]>((json) => {
  const parsed: unknown = JSON.parse(json)
  if (!Array.isArray(parsed)) return noNames
  const names: readonly unknown[] = parsed
  return names.every((name) => typeof name === 'string') ? names : noNames
})

const versionsIn = new Memo<readonly TagVersion[]>((words) => Buffer.from(words).toString().split(' '))

/** @returns Undefined for a text that is no entry: somebody else's, or torn. */
export function parseEntry(text: string): StoredEntry | undefined {
  const firstEnd = text.indexOf('\n')
  const secondEnd = text.indexOf('\n', firstEnd + 1)
  if (firstEnd < idLength || secondEnd < 0) return undefined
  const header = text.slice(firstEnd + 1, secondEnd)
  // ["j",created,fresh,stale,error,["a","b"]]
  const [codec, times, names] = [header.charAt(2), header.indexOf('",'), header.indexOf(',[')]
  if (!header.startsWith('["') || times !== 3 || names < 0) return undefined
  const [created = NaN, fresh = NaN, stale = NaN, error = NaN] = header.slice(5, names).split(',').map(Number)
  if (!(created >= 0 && fresh >= 0 && stale >= 0 && error >= 0)) return undefined
  try {
    const tags = namesIn.of(header.slice(names + 1, -1))
    const versions = versionsIn.of(text.slice(idLength + 1, firstEnd))
    if (tags.length === 0 || versions.length !== tags.length) return undefined
    return {
      id: text.slice(0, idLength),
      codec,
      createdMs: created,
      freshUntilMs: created + fresh,
      staleUntilMs: created + stale,
      errorUntilMs: created + error,
      tags,
      versions,
      payload: text.slice(secondEnd + 1),
    }
  } catch {
    return undefined
  }
}
