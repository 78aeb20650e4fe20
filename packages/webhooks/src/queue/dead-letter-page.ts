import { WebhookPageError } from '../errors.js'
import type { DeadLetterListOptions } from './dead-letters.js'

const most = 200
const usual = 50

/** Which items of a listing a page holds. */
export interface PageRange {
  readonly start: number
  readonly limit: number
}

/** @throws STAY_WEBHOOK_PAGE_INVALID */
export function pageRange({ cursor = '0', limit = usual }: DeadLetterListOptions): PageRange {
  if (!/^\d{1,9}$/.test(cursor)) {
    throw new WebhookPageError('the cursor is none that an earlier page gave')
  }
  if (!Number.isInteger(limit) || limit < 1 || limit > most) {
    throw new WebhookPageError(`the limit is a whole number from 1 to ${most}`)
  }
  return { start: Number(cursor), limit }
}
