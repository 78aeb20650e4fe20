import { type TSchema, Type } from 'typebox'

const ErrorResponse = Type.Object(
  {
    statusCode: Type.Integer(),
    code: Type.String({ description: 'Stable: programs decide by it. Begins with SHOP_ or STAY_.' }),
    error: Type.String(),
    message: Type.String({ description: 'For people; may change.' }),
  },
  { description: 'What went wrong, why, and what to do' },
)

/** The error answers of every route, for the `response` of its schema. */
export const errorResponses: { '4xx': TSchema; '5xx': TSchema } = {
  '4xx': ErrorResponse,
  '5xx': ErrorResponse,
}
