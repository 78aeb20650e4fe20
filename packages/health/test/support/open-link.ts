import { ClientLink, reconnectDelay, type ClientLinkOptions, type RedisLink } from '@stayfast/redis-kit'
import { Redis } from 'ioredis'

interface Teardown {
  teardown(fn: () => Promise<void>): void
}

/** Opens a link the way its owners do, and waits until it is up. */
export async function openLink(
  t: Teardown,
  url: string,
  options: Partial<ClientLinkOptions> = {},
): Promise<RedisLink> {
  const open = (): Redis =>
    new Redis(url, {
      lazyConnect: true,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      connectTimeout: 1500,
      disconnectTimeout: 100,
      retryStrategy: reconnectDelay,
    })
  const link = new ClientLink({
    name: 'default',
    client: open(),
    owned: true,
    openSubscriber: open,
    ...options,
  })
  t.teardown(() => link.close())
  await reaches(link, 'up')
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
