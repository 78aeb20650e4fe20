import { ClientLink, duplicateSafely, type ClientLinkOptions } from '@stayfast/redis-kit'
import { reaches, type TeardownHost } from '@stayfast/test-kit'
import { Redis } from 'ioredis'

/** A link with a connection of its own, closed when the test is over. It is not waited for. */
export function startLink(
  t: TeardownHost,
  url: string,
  options: Partial<ClientLinkOptions> = {},
): ClientLink {
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

/** The same, once it is up. */
export async function openLink(
  t: TeardownHost,
  url: string,
  options: Partial<ClientLinkOptions> = {},
): Promise<ClientLink> {
  const link = startLink(t, url, options)
  await reaches(link, 'up')
  return link
}
