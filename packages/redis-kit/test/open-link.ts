import { Redis } from 'ioredis'
import { ClientLink, reconnectDelay, type ClientLinkOptions, type RedisLink } from '../dist/index.js'

interface Teardown {
  teardown(fn: () => Promise<void>): void
}

/** Opens a link the way its owners do: an ioredis client with the settings that let deadlines hold. */
export function openLink(t: Teardown, url: string, options: Partial<ClientLinkOptions> = {}): ClientLink {
  const open = (overrides: { autoResubscribe?: boolean } = {}): Redis =>
    new Redis(url, {
      lazyConnect: true,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      connectTimeout: 1500,
      disconnectTimeout: 100,
      retryStrategy: reconnectDelay,
      ...overrides,
    })
  const link = new ClientLink({
    name: 'default',
    client: open(),
    owned: true,
    // The subscriber subscribes by itself when it is back; ioredis would too, with nobody to catch a failure.
    openSubscriber: () => open({ autoResubscribe: false }),
    ...options,
  })
  t.teardown(() => link.close())
  return link
}

/** Resolves when the link has, or gets, that status; rejects after `withinMs`. */
export function reaches(link: RedisLink, status: RedisLink['status'], withinMs = 5000): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      stop()
      reject(new Error(`The link is ${link.status} and not ${status} after ${withinMs} ms.`))
    }, withinMs)
    const settle = (): void => {
      if (link.status !== status) return
      clearTimeout(timer)
      stop()
      resolve()
    }
    const stop = link.onChange(settle)
    settle()
  })
}

/** The error a promise rejects with, and how long it took in milliseconds. */
export async function rejection(promise: Promise<unknown>): Promise<{ error: unknown; tookMs: number }> {
  const startedMs = performance.now()
  try {
    await promise
  } catch (error) {
    return { error, tookMs: performance.now() - startedMs }
  }
  throw new Error('The promise was expected to reject.')
}
