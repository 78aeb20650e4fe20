import {
  bootWait,
  offerHealthReport,
  resolveLink,
  tellStart,
  type RedisLink,
  type ResolvedLink,
} from '@stayfast/redis-kit'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { StoreNotReadyError } from './errors.js'
import { FieldCipher } from './field-cipher.js'
import { checkOptions, type CheckedOptions, type TenantInstanceStoreOptions } from './options.js'
import { createRequire } from './require-instance.js'
import { StoredInstances } from './stored-instances.js'
import type { InstanceStore } from './stores/instance-store.js'
import { MemoryInstanceStore } from './stores/memory-instance-store.js'
import { OutageInstanceStore } from './stores/outage-instance-store.js'
import { encodeFields, type TenantInstance } from './tenant-instance.js'
import type { TenantInstances } from './tenant-instances.js'

declare module 'fastify' {
  interface FastifyInstance {
    tenantInstances: TenantInstances
  }
  interface FastifyRequest {
    /** Set by `app.tenantInstances.require`; null on routes without it. */
    tenantInstance: TenantInstance | null
  }
}

/** A connection that is being made is waited for so long, so that the first requests find it. */
const bootWaitMs = 500

function register(app: FastifyInstance, given: TenantInstanceStoreOptions): void {
  const options = checkOptions(given)
  let store: InstanceStore | undefined
  let outageStore: OutageInstanceStore | undefined
  let resolved: ResolvedLink | undefined

  const cipher = new FieldCipher(options.encryptionKeys)
  const instances = new StoredInstances(
    () => {
      if (store === undefined) throw new StoreNotReadyError(options.decorateAs)
      return store
    },
    options.isInstanceId,
    cipher,
  )
  app.decorate<TenantInstances>(
    options.decorateAs,
    Object.assign(instances, { require: createRequire(instances, options) }),
  )
  offerHealthReport(instances, () => ({
    plugin: 'tenant-instance-store',
    link: resolved?.link,
    holds: 'data',
    counts: outageStore === undefined ? {} : countsOf(outageStore),
  }))
  // Two stores of one app may share it: a route belongs to one of them.
  if (!app.hasRequestDecorator(options.decorateRequestAs)) {
    app.decorateRequest(options.decorateRequestAs, null)
  }

  // Not before: what is registered after this plugin counts as well.
  app.addHook('onReady', async () => {
    resolved = resolveLink(app, options.redis, { role: 'default', share: options.share })
    outageStore = resolved === undefined ? undefined : openStore(app, resolved.link, options, cipher)
    store = outageStore ?? new MemoryInstanceStore({ ...options, maxInstances: options.maxInstancesInMemory })
    if (resolved?.owned === true) {
      await bootWait(resolved.link, bootWaitMs, ({ status }) => status !== 'connecting')
    }
    tellStart(app.log, 'tenant-instance-store', resolved)
  })
  app.addHook('onClose', async () => {
    const lost = (await outageStore?.close(options.flushSeconds * 1000)) ?? 0
    if (lost > 0) {
      app.log.error(
        `tenant-instance-store: ${lost} accepted writes are lost, because Redis did not return before the app ended.`,
      )
    }
    if (resolved?.owned === true) await resolved.link.close()
  })
}

function countsOf({ buffered, quarantined, remembered }: OutageInstanceStore): Record<string, number> {
  return { pending_writes: buffered, quarantined_writes: quarantined, local_copies: remembered }
}

function openStore(
  app: FastifyInstance,
  link: RedisLink,
  options: CheckedOptions,
  cipher: FieldCipher,
): OutageInstanceStore {
  const { source } = options
  return new OutageInstanceStore({
    ...options,
    link,
    load:
      source === undefined
        ? undefined
        : async (id) => {
            const instance = await source.load(id)
            return instance === undefined || instance === null
              ? undefined
              : cipher.encryptAll(id, encodeFields(instance))
          },
    logger: {
      info: (message) => {
        app.log.info(message)
      },
      error: (details, message) => {
        app.log.error(details, message)
      },
    },
  })
}

/**
 * Remembers who has installed the app: in Redis where there is one, in memory where there is none.
 * Decorates the app with {@link TenantInstances}.
 */
export const tenantInstanceStore: FastifyPluginAsync<TenantInstanceStoreOptions> = fp(
  (app: FastifyInstance, options: TenantInstanceStoreOptions) =>
    // What is thrown inside rejects, as the loader of plugins expects it.
    new Promise<void>((resolve) => {
      register(app, options)
      resolve()
    }),
  { name: '@stayfast/tenant-instance-store', fastify: '5.x' },
)
