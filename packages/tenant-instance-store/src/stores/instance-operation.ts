import type { ChangeTexts, FieldTexts } from '../tenant-instance.js'

/**
 * What to do to an instance. It says what was wanted, not what comes out, so that it can wait for
 * Redis to return and still be merged with what others did meanwhile:
 *
 * - `replace`: it holds these fields and no others
 * - `upsert`: it is there, and has these fields whatever others it has; a save of an instance that is
 *   not known here, made while Redis cannot be asked, must not wipe what Redis knows of it
 * - `create`: it is there, and has these fields where it has none of that name
 * - `patch`: if it is there, these fields change; `undefined` removes one
 * - `remove`: it is gone
 */
export type InstanceOperation =
  | { readonly kind: 'replace' | 'upsert' | 'create'; readonly fields: FieldTexts }
  | { readonly kind: 'patch'; readonly fields: ChangeTexts }
  | { readonly kind: 'remove' }

/** Fields without those that a change removes. */
export function withoutRemovals(change: ChangeTexts): FieldTexts {
  return new Map([...change].flatMap(([name, text]) => (text === undefined ? [] : [[name, text] as const])))
}

/**
 * Does an operation to fields in memory.
 *
 * @param fields - Undefined: there is no such instance.
 * @returns The fields afterwards; undefined when there is no instance.
 */
export function applyOperation(
  fields: FieldTexts | undefined,
  operation: InstanceOperation,
): FieldTexts | undefined {
  switch (operation.kind) {
    case 'replace':
      return new Map(operation.fields)
    case 'upsert':
      return new Map([...(fields ?? []), ...operation.fields])
    case 'create':
      return new Map([...operation.fields, ...(fields ?? [])])
    case 'patch': {
      if (fields === undefined) return undefined
      const removed = new Set(
        [...operation.fields].flatMap(([name, text]) => (text === undefined ? name : [])),
      )
      const changed = [...fields, ...withoutRemovals(operation.fields)]
      return new Map(changed.filter(([name]) => !removed.has(name)))
    }
    case 'remove':
      return undefined
  }
}
