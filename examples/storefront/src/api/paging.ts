import type { FastifyReply } from 'fastify'
import { type TInteger, type TObject, type TOptional, type TString, Type } from 'typebox'
import type { Page, PageRequest } from '../catalogue/page.js'

const DEFAULT_LIMIT = 50
const MAX_LIMIT = 200
/** The header that names the next page. */
export const NEXT_CURSOR = 'x-next-cursor'

/** The query of a list that comes in pages. */
export const PagingQuery: TObject<{
  limit: TOptional<TInteger>
  cursor: TOptional<TString>
  search: TOptional<TString>
}> = Type.Object({
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: MAX_LIMIT,
      description: `The most items to answer; ${DEFAULT_LIMIT} if unset`,
    }),
  ),
  cursor: Type.Optional(Type.String({ maxLength: 500, description: 'X-Next-Cursor of the page before' })),
  search: Type.Optional(
    Type.String({ maxLength: 200, pattern: '^[^\\u0000]*$', description: 'Text that an item must contain' }),
  ),
})

export function pageRequest(query: {
  limit?: number | undefined
  cursor?: string | undefined
  search?: string | undefined
}): PageRequest {
  return { limit: query.limit ?? DEFAULT_LIMIT, cursor: query.cursor, search: query.search }
}

/** Answers a page as a bare array; `X-Next-Cursor` is absent at the end. */
export function sendPage<Item>(reply: FastifyReply, page: Page<Item>): Item[] {
  if (page.nextCursor !== undefined) reply.header(NEXT_CURSOR, page.nextCursor)
  return page.items
}
