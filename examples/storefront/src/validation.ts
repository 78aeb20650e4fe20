import { Ajv } from 'ajv'
import formats from 'ajv-formats'
import { type FastifySchemaCompiler } from 'fastify'

// Queries and parameters arrive as text, so their numbers are read from it; a body says what it means.
// Ajv compares nothing with what is not finite unless it may be a number, so that `Infinity` had no maximum.
const fromText = ajv({ coerceTypes: true, strictNumbers: false })
const asItIs = ajv({ coerceTypes: false, strictNumbers: true })

/** Checks what a request brings; nothing in a body is converted, and nothing is removed in silence. */
export const validatorCompiler: FastifySchemaCompiler<object> = ({ schema, httpPart }) =>
  (httpPart === 'body' ? asItIs : fromText).compile(schema)

function ajv(options: { coerceTypes: boolean; strictNumbers: boolean }): Ajv {
  const checker = new Ajv({ ...options, useDefaults: true, removeAdditional: false })
  formats.default(checker)
  return checker
}
