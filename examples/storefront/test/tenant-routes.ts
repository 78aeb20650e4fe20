import { type StorefrontClient } from './storefront-client.js'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

const methods: readonly Method[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

/** A route of an instance, with a product that each vendor's number fits. */
export interface TenantRoute {
  method: Method
  at: (instanceId: string) => string
}

/** All routes of an instance, as the app itself describes them. */
export async function tenantRoutes(client: StorefrontClient): Promise<readonly TenantRoute[]> {
  const { paths } = (await client.send('GET', '/openapi.json')).json<{ paths: Record<string, object> }>()
  return Object.entries(paths)
    .filter(([path]) => path.includes('{instanceId}'))
    .flatMap(([path, operations]) =>
      methods
        .filter((method) => method.toLowerCase() in operations)
        .map((method) => ({
          method,
          at: (instanceId) => path.replace('{instanceId}', instanceId).replace('{id}', 'p-2-1'),
        })),
    )
}
