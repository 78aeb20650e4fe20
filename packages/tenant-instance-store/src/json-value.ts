import { InstanceInvalidError } from './errors.js'

/** What JSON can say. */
export type JsonValue =
  null | boolean | number | string | readonly JsonValue[] | { readonly [name: string]: JsonValue | undefined }

/** Deeper than any document of sense, and far from the depth at which JSON.parse gives up. */
const maxDepth = 64

/**
 * Turns a value into JSON, exactly: what JSON.stringify would drop or bend in silence is refused.
 *
 * @param path - Where the value stands, for the message; values never stand in messages.
 * @throws STAY_INSTANCE_INVALID
 */
export function jsonText(value: unknown, path: string): string {
  check(value, path, [])
  return JSON.stringify(value)
}

function check(value: unknown, path: string, around: readonly object[]): void {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return
    case 'number':
      if (!Number.isFinite(value)) refuse(path, 'is not a finite number')
      return
    case 'object':
      if (value !== null) checkInside(value, path, around)
      return
    case 'undefined':
      return refuse(path, 'is undefined: leave it out, or use null')
    case 'bigint':
      return refuse(path, 'is a BigInt: store it as a string')
    case 'function':
    case 'symbol':
      return refuse(path, `is a ${typeof value}, which JSON cannot hold`)
  }
}

function checkInside(value: object, path: string, around: readonly object[]): void {
  if (around.includes(value)) refuse(path, 'contains itself')
  if (around.length >= maxDepth) refuse(path, `is nested deeper than ${maxDepth} levels`)
  const within = [...around, value]
  if (Array.isArray(value)) {
    // By index, because forEach and map pass over holes.
    for (let index = 0; index < value.length; index += 1) check(value[index], `${path}[${index}]`, within)
    return
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (typeof prototype === 'object' && prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    refuse(path, `is an object of a class (${value.constructor.name}): store plain data, such as an ISO date`)
  }
  if (Object.getOwnPropertySymbols(value).length > 0) refuse(path, 'has a field named by a symbol')
  for (const [name, inner] of Object.entries(value)) {
    if (name === '__proto__') refuse(path, 'has a field named "__proto__"')
    check(inner, `${path}.${name}`, within)
  }
}

function refuse(path: string, why: string): never {
  throw new InstanceInvalidError(`the field "${path}" ${why}`)
}
