export { webhooks, webhooks as default } from './plugin.js'
export { github, type GithubOptions } from './providers/github.js'
export { hmac, type HmacOptions } from './providers/hmac.js'
export { shopify, type ShopifyOptions } from './providers/shopify.js'
export { stripe, type StripeOptions } from './providers/stripe.js'
export { wix, type WixOptions } from './providers/wix.js'
export type { Delivery, Verdict, VerifiedEvent, WebhookProvider } from './providers/provider.js'
export type { Secrets } from './providers/preset-options.js'
export type { WebhooksOptions } from './options.js'
export type { Webhooks, WebhookStats } from './webhooks.js'
export type { WebhookCounters } from './counters.js'
export type {
  HandlerContext,
  PayloadOf,
  WebhookEvent,
  WebhookHandler,
  WebhookPayloads,
} from './webhook-event.js'
export type { DeadLetter, DeadLetterListOptions, DeadLetterPage, DeadLetters } from './queue/dead-letters.js'
export type { QueueNumbers } from './queue/event-queue.js'
