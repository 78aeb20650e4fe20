import { tags } from '@stayfast/tagged-cache'

/** What a sale changes: the vendor's orders and what is reckoned from them, and the stock of the products. */
export function saleTags(vendorId: string): readonly string[] {
  return [...new Set([...tags.orderChange(vendorId), ...tags.productChange(vendorId)])]
}
