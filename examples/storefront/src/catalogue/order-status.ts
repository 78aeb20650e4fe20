/**
 * Where an order stands. The list holds the words of the platforms that orders come from (`fulfilled` is
 * Shopify's, `completed` is Wix's), so that none has to be translated on its way in.
 */
export const orderStatuses = [
  'pending',
  'paid',
  'processing',
  'shipped',
  'fulfilled',
  'delivered',
  'completed',
  'cancelled',
  'refunded',
] as const

export type OrderStatus = (typeof orderStatuses)[number]
