import { Ajv, type ValidateFunction } from 'ajv'
import formats from 'ajv-formats'
import type { FastifySchemaCompiler } from 'fastify'

// Queries and parameters arrive as text, so their numbers are read from it; a body says what it means.
// Ajv compares nothing with what is not finite unless it may be a number, so that `Infinity` had no maximum.
const fromText = ajv({ coerceTypes: true, strictNumbers: false })
const asItIs = ajv({ coerceTypes: false, strictNumbers: true })

/**
 * Checks what a request brings; nothing in a body is converted, and nothing is removed in silence. A schema is
 * compiled with the first request that it is for: all of them at the start would be a good part of it.
 */
export const validatorCompiler: FastifySchemaCompiler<object> = ({ schema, httpPart }) => {
  let check: ValidateFunction | undefined
  const validate: ReturnType<FastifySchemaCompiler<object>> = (value: unknown) => {
    check ??= (httpPart === 'body' ? asItIs : fromText).compile(schema)
    const accepted = check(value)
    validate.errors = check.errors ?? null
    return accepted
  }
  return validate
}

function ajv(options: { coerceTypes: boolean; strictNumbers: boolean }): Ajv {
  const checker = new Ajv({ ...options, useDefaults: true, removeAdditional: false })
  formats.default(checker)
  return checker
}
