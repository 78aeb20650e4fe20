import { createHash } from 'node:crypto'

/** A part of a key longer than this (in UTF-8 bytes after escaping) is stored as its SHA-256. */
const longestPartBytes = 512

/**
 * What must not stand in a part as it is: `:` separates parts, `{}` choose the cluster slot, `*?[]\`
 * are SCAN's wildcards, `%` and `~` are the escapes themselves; control characters and spaces break
 * command lines and logs. A lone surrogate has no UTF-8 form: two of them would meet in one key.
 */
const unsafe = /[%~:{}*?[\]\\\s\p{Cc}\p{Cs}]/gu
const unsafeButColon = /[%~{}*?[\]\\\s\p{Cc}\p{Cs}]/gu
/** Most parts are ids: nothing in them to be escaped, which is seen more quickly than searched for. */
const plain = /^[\w.-]{0,128}$/
const plainButColon = /^[\w.:-]{0,128}$/

function escapeCharacter(character: string): string {
  return `%${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

function escape(text: string, pattern: RegExp): string {
  const escaped = text.replace(pattern, escapeCharacter)
  if (Buffer.byteLength(escaped) <= longestPartBytes) return escaped
  // No escaped text begins with a bare tilde, so a hashed part never meets one that was short.
  return `~${createHash('sha256').update(escaped).digest('hex')}`
}

function escapePart(text: string): string {
  return plain.test(text) ? text : escape(text, unsafe)
}

function withParts(key: string, parts: readonly string[]): string {
  let whole = key
  for (const part of parts) whole += `:${escapePart(part)}`
  return whole
}

function escapePattern(text: string): string {
  return text.replace(/[*?[\]\\]/g, '\\$&')
}

/**
 * Builds the keys of one store. Whatever the parts hold, two different lists of parts never meet in
 * one key, and no key leaves its prefix. Keys are built here and nowhere else.
 *
 * Readable where it can be: `instance:00000000-0000-4000-8000-000000000001` looks just like that.
 * A kind is a constant of the caller, such as `'instance'`, and is always used with the same method.
 */
export class Keyspace {
  readonly #prefix: () => string

  /** @param prefix - What each key begins with; a function is asked for each key. */
  constructor(prefix: string | (() => string) = '') {
    this.#prefix = typeof prefix === 'string' ? () => prefix : prefix
  }

  /** `kind:part:part`, each part escaped. */
  key(kind: string, ...parts: readonly string[]): string {
    return withParts(this.#prefix() + kind, parts)
  }

  /** `kind:path`, where the path is one value whose colons stay readable, such as an app's own cache key. */
  path(kind: string, path: string): string {
    return `${this.#prefix()}${kind}:${plainButColon.test(path) ? path : escape(path, unsafeButColon)}`
  }

  /** `kind:{slot}:part:part`: all keys of one slot value live in one cluster slot. */
  inSlot(kind: string, slot: string, ...parts: readonly string[]): string {
    // Empty braces choose no slot at all; a lone percent sign is no escape, so it meets no other slot.
    const tag = `{${slot === '' ? '%' : escapePart(slot)}}`
    return withParts(`${this.#prefix()}${kind}:${tag}`, parts)
  }

  /** A key that lives in the cluster slot of `key`, a key of this keyspace that has no slot of its own. */
  beside(kind: string, key: string): string {
    return `${this.#prefix()}${kind}:{${key}}`
  }

  /** The SCAN pattern that matches every key of a kind, and only those. */
  pattern(kind: string): string {
    return `${escapePattern(`${this.#prefix()}${kind}`)}:*`
  }
}
