import { openLink } from '@stayfast/link-test-kit'
import type { ClientLinkOptions, RedisLink } from '@stayfast/redis-kit'
import type { Test } from 'tap'
import type { SessionAddress } from '../dist/session-id.js'
import { OutageSessionStore, type OutageSessionStoreOptions } from '../dist/stores/outage-session-store.js'
import { lifetimes } from './session-store-contract.js'

/** A process that uses the store, as far as Redis can tell. */
export interface SessionProcess {
  readonly link: RedisLink
  readonly store: OutageSessionStore
  /** What it knows of a session now: its fields, 'gone', or the code of its error. */
  readonly answer: (address: SessionAddress) => Promise<Record<string, unknown> | string>
}

export const outageSettings: Omit<OutageSessionStoreOptions, 'link'> = {
  ...lifetimes,
  keyPrefix: '',
  retryAfterSeconds: 2,
  onOutage: 'local',
  localTrustSeconds: 300,
  localMaxSeconds: 900,
  maxLocalSessions: 1000,
  maxBufferedWrites: 1000,
  logger: { info: () => undefined, error: () => undefined },
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

export async function openSessionProcess(
  t: Test,
  url: string,
  options: Partial<OutageSessionStoreOptions> = {},
  linkOptions: Partial<ClientLinkOptions> = {},
): Promise<SessionProcess> {
  return sessionProcess(t, await openLink(t, url, linkOptions), options)
}

export function sessionProcess(
  t: Test,
  link: RedisLink,
  options: Partial<OutageSessionStoreOptions> = {},
): SessionProcess {
  const store = new OutageSessionStore({ ...outageSettings, link, ...options })
  t.teardown(async () => {
    await store.close(0)
  })
  return {
    link,
    store,
    answer: async (address) => {
      try {
        const loaded = await store.load(address)
        if (loaded === undefined) return 'gone'
        return Object.fromEntries(
          [...loaded.session.fields].map(([name, text]) => [name, JSON.parse(text) as unknown]),
        )
      } catch (error) {
        return codeOf(error)
      }
    },
  }
}
