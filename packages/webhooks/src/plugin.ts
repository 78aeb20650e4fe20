import {
  bootWait,
  offerHealthReport,
  isRedisRefused,
  isRedisUnavailable,
  tellStart,
} from '@stayfast/redis-kit'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { newCounters, type WebhookCounters } from './counters.js'
import { webhooksUnavailable, WebhooksNotReadyError } from './errors.js'
import { EventRunner } from './event-runner.js'
import { findRedis, type WebhookRedis } from './find-redis.js'
import { Handlers } from './handlers.js'
import { Intake } from './intake.js'
import { openQueue } from './open-queue.js'
import { checkOptions, type WebhooksOptions } from './options.js'
import type { EventQueue } from './queue/event-queue.js'
import { settledWithin } from './queue/settled-within.js'
import { receiveRoute } from './receive-route.js'
import { MemoryReceiptStore } from './receipts/memory-receipt-store.js'
import type { ReceiptStore } from './receipts/receipt-store.js'
import { RedisReceiptStore } from './receipts/redis-receipt-store.js'
import type { Webhooks } from './webhooks.js'

declare module 'fastify' {
  interface FastifyInstance {
    webhooks: Webhooks
  }
}

/** A connection that is being made is waited for so long, so that the first webhooks find it. */
const bootWaitMs = 500
/** What is to be written to the receipts is given so long at the end. */
const lastReceiptsMs = 500

function register(app: FastifyInstance, given: WebhooksOptions): void {
  const options = checkOptions(given)
  const configured = Object.entries(options.providers).flatMap(([name, provider]) =>
    provider === undefined ? [] : [[name, provider] as const],
  )
  const providers = Object.fromEntries(configured)
  const handlers = new Handlers(Object.keys(options.providers))
  const counters = newCounters()
  let redis: WebhookRedis | undefined
  let queue: EventQueue | undefined
  let receipts: ReceiptStore | undefined
  let intake: Intake | undefined
  let closing = false

  const runner = new EventRunner({
    handlers,
    handlerTimeoutMs: options.handlerTimeoutMs,
    settle: async (event) => intake?.settle(event),
    counters,
    logger: {
      warn: (details, message) => {
        app.log.warn(details, message)
      },
      error: (details, message) => {
        app.log.error(details, message)
      },
    },
  })

  /** Now, by the clock of Redis where it is known: a signature is not too old because our clock is wrong. */
  const nowMs = (): number => {
    const clock = redis?.queue.link.clock
    return clock?.known === true ? clock.nowUs() / 1000 : Date.now()
  }

  const asked = async <T>(ask: (queue: EventQueue) => Promise<T>): Promise<T> => {
    if (intake === undefined) throw new WebhooksNotReadyError(options.decorateAs)
    if (queue === undefined) throw webhooksUnavailable(undefined, options.retryAfterSeconds)
    try {
      return await ask(queue)
    } catch (error) {
      if (!isRedisUnavailable(error) && !isRedisRefused(error)) throw error
      throw webhooksUnavailable(error, options.retryAfterSeconds)
    }
  }

  const webhooks: Webhooks = {
    on: (provider, topic, handler) => {
      handlers.add(provider, topic, { handle: handler })
    },
    deadLetters: {
      list: (page) => asked(({ deadLetters }) => deadLetters.list(page)),
      replay: (id) => asked(({ deadLetters }) => deadLetters.replay(id)),
      discard: (id) => asked(({ deadLetters }) => deadLetters.discard(id)),
    },
    stats: async () => ({ queue: await asked((queue) => queue.numbers()), process: { ...counters } }),
  }
  app.decorate(options.decorateAs, webhooks)
  offerHealthReport(webhooks, () => ({
    plugin: 'webhooks',
    link: redis?.queue.link,
    holds: 'data',
    counts: countsOf(counters),
  }))

  if (options.receiving) {
    app.register((scope, _options, done) => {
      receiveRoute(scope, {
        options: { ...options, providers },
        intake: () => {
          if (intake === undefined) throw new WebhooksNotReadyError(options.decorateAs)
          return intake
        },
        nowMs,
        counters,
      })
      done()
    })
  }

  const start = (opened: EventQueue): void => {
    queue = opened
    if (options.processing) opened.process(runner.run)
  }

  const startLate = async (opening: Promise<EventQueue>): Promise<void> => {
    app.log.warn('webhooks: the queue is still being loaded; webhooks are answered 503 until it is.')
    try {
      const opened = await opening
      if (closing) await opened.close(0)
      else start(opened)
    } catch (error) {
      app.log.error({ err: error }, 'webhooks: the queue could not be loaded; webhooks are answered 503.')
    }
  }

  // Not before: what is registered after this plugin counts as well.
  app.addHook('onReady', async () => {
    redis = findRedis(app, options.redis, options.share)
    const link = redis?.queue.link
    const opening = openQueue(app, redis, options, runner.failed)
    receipts =
      redis === undefined
        ? new MemoryReceiptStore({ ...options, maxReceipts: options.maxReceiptsInMemory })
        : new RedisReceiptStore({ ...options, link: redis.receipts })
    intake = new Intake({
      receipts,
      queue: { add: async (event) => (await opening).add(event) },
      canEnqueue: () => queue !== undefined && (link === undefined || link.status === 'up'),
      nowMs,
      retryAfterSeconds: options.retryAfterSeconds,
      counters,
      logger: {
        debug: (details, message) => {
          app.log.debug(details, message)
        },
      },
    })
    const links = redis === undefined ? [] : [redis.queue.link, redis.receipts]
    const [loaded] = await Promise.all([
      loadedInTime(app, opening),
      ...links.map((link) => bootWait(link, bootWaitMs, ({ status }) => status !== 'connecting')),
    ])
    tellStart(app.log, 'webhooks', redis?.queue)
    if (loaded) start(await opening)
    else void startLate(opening)
  })

  // Before anything is closed that handlers may need: their database, and Redis itself.
  app.addHook('preClose', async () => {
    closing = true
    const unfinished = (await queue?.close(options.closeSeconds * 1000)) ?? 0
    await receipts?.close(lastReceiptsMs)
    if (unfinished === 0) return
    if (redis === undefined)
      app.log.error(`webhooks: ${unfinished} accepted events are lost with this process.`)
    else app.log.info(`webhooks: ${unfinished} handlers were interrupted; their events go to another worker.`)
  })
  app.addHook('onClose', async () => {
    if (redis?.queue.owned === true) await redis.queue.link.close()
  })
}

/**
 * Whether the queue is there in time. Fastify fails an app whose hook takes longer than its `pluginTimeout`:
 * a slow disk, or a machine that is busy with everything else, is waited for half of it.
 */
async function loadedInTime(app: FastifyInstance, opening: Promise<EventQueue>): Promise<boolean> {
  const { pluginTimeout = 0 } = app.initialConfig
  if (pluginTimeout > 0 && !(await settledWithin(opening, pluginTimeout / 2))) return false
  await opening
  return true
}

function countsOf(counters: WebhookCounters): Record<string, number> {
  return {
    accepted_total: counters.accepted,
    duplicates_total: counters.duplicates,
    deferred_total: counters.deferred,
    handled_total: counters.handled,
    failed_total: counters.failed,
    dead_lettered_total: counters.deadLettered,
  }
}

/**
 * Takes webhooks: believes those that are signed, each one once, and handles them from a queue. Decorates
 * the app with {@link Webhooks}.
 */
export const webhooks: FastifyPluginAsync<WebhooksOptions> = fp(
  (app: FastifyInstance, options: WebhooksOptions) =>
    // What is thrown inside rejects, as the loader of plugins expects it.
    new Promise<void>((resolve) => {
      register(app, options)
      resolve()
    }),
  { name: '@stayfast/webhooks', fastify: '5.x' },
)
