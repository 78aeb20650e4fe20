import { CacheKeyError } from './errors.js'

/** What a name of the app may begin with only in its escaped form, for scopes begin with it. */
const tenantMark = '@'
const namespaceMark = '#'

function escapePart(part: string): string {
  return part.replace(/[%:@#]/g, (character) => `%${character.charCodeAt(0).toString(16)}`)
}

/**
 * A part of the cache: all of it, a tenant's, a module's. Two different lists of scopes and names never
 * meet in one name, whatever they hold:
 *
 * - a name of the whole cache stands as it is, or behind `@@` where it begins with a mark;
 * - a scope is its mark, its escaped name (never empty, never with a mark or a colon in it) and a colon.
 */
export class Scope {
  readonly #prefix: string
  /** Whether names in here are names of the whole cache, unless they begin with a mark. */
  readonly isRoot: boolean
  /** The tags that every entry in here has: one for each scope around it, invalidated by `clear()`. */
  readonly epochs: readonly string[]

  /** Use {@link rootScope} and what leads on from it. */
  constructor(prefix: string, epochs: readonly string[]) {
    this.#prefix = prefix
    this.isRoot = prefix === ''
    this.epochs = epochs
  }

  /** The tag that `clear()` invalidates. No tag of the app has this name, for none is empty. */
  get epoch(): string {
    return this.#prefix
  }

  tenant(id: string): Scope {
    return this.#within(tenantMark, nameOf('tenant id', id))
  }

  namespace(name: string): Scope {
    return this.#within(namespaceMark, nameOf('namespace', name))
  }

  /** The name of a key, or of a tag, in the whole cache. */
  nameOf(name: string): string {
    const first = name[0]
    if (first === tenantMark || first === namespaceMark) return `${this.#prefix}@@${name}`
    return this.isRoot ? name : this.#prefix + name
  }

  #within(mark: string, name: string): Scope {
    const prefix = `${this.#prefix}${mark}${escapePart(name)}:`
    return new Scope(prefix, [...this.epochs, prefix])
  }
}

/** The whole cache. */
export const rootScope: Scope = new Scope('', [''])

/** @throws STAY_CACHE_KEY_INVALID for what is no text, or empty. */
export function nameOf(what: string, name: unknown): string {
  if (typeof name === 'string' && name !== '') return name
  const found = name === '' ? 'is empty' : `is ${name === null ? 'null' : typeof name}`
  throw new CacheKeyError(
    `A ${what} ${found}: it takes a text that is not empty, such as the id it stands for.`,
  )
}
