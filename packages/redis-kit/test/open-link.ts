import { startStopwatch } from '@stayfast/test-kit'
import type { TeardownHost } from '@stayfast/test-kit'
import { Redis } from 'ioredis'
import { ClientLink, duplicateSafely, type ClientLinkOptions } from '../dist/index.js'

/** Opens a link the way its owners do: over an ioredis client with the settings that let deadlines hold. */
export function openLink(t: TeardownHost, url: string, options: Partial<ClientLinkOptions> = {}): ClientLink {
  const client = new Redis(url, { lazyConnect: true })
  const link = new ClientLink({
    name: 'default',
    client: duplicateSafely(client),
    owned: true,
    openSubscriber: () => duplicateSafely(client, { autoResubscribe: false }),
    ...options,
  })
  t.teardown(() => link.close())
  return link
}

/** The error a promise rejects with, and how long it took in milliseconds. */
export async function rejection(promise: Promise<unknown>): Promise<{ error: unknown; tookMs: number }> {
  const elapsedMs = startStopwatch()
  try {
    await promise
  } catch (error) {
    return { error, tookMs: elapsedMs() }
  }
  throw new Error('The promise was expected to reject.')
}
