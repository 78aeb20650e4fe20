import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { Test } from 'tap'
import session, { type SessionOptions } from '../dist/index.js'
import { Browser } from './browser.js'

declare module 'fastify' {
  interface Session {
    cart?: string[]
    note?: string | undefined
    visits?: number
  }
}

export interface Line {
  readonly level: number
  readonly msg: string
}

export interface TestApp {
  readonly app: FastifyInstance
  readonly lines: Line[]
  readonly log: () => string
  /** Over https. */
  readonly browser: () => Browser
}

function isLine(value: unknown): value is Line {
  return typeof value === 'object' && value !== null && 'level' in value && 'msg' in value
}

export const secret = 'a secret of at least thirty-two characters'
export const otherSecret = 'another secret of thirty-two characters at least'

/** What the proxy of a real deployment says, over TLS. */
export const https = { 'x-forwarded-proto': 'https' }

/** An app that logs into a list and trusts its proxy. */
export function loggingApp(t: Test, options: FastifyServerOptions = {}): TestApp {
  const lines: Line[] = []
  let text = ''
  const app = Fastify({
    trustProxy: true,
    ...options,
    logger: {
      level: 'trace',
      stream: {
        write(line: string) {
          text += line
          const parsed: unknown = JSON.parse(line)
          if (isLine(parsed)) lines.push({ level: parsed.level, msg: parsed.msg })
        },
      },
    },
  })
  t.teardown(() => app.close())
  return { app, lines, log: () => text, browser: () => new Browser(app, https) }
}

interface Credentials {
  readonly userId: string
  readonly tenantId?: string
  readonly roles?: string[]
  readonly keep?: string[]
}

/** What a small shop does with sessions. */
export function shopRoutes(app: FastifyInstance): void {
  app.post<{ Body: Credentials }>('/login', async (request) => {
    const { keep = [], ...user } = request.body
    return app.sessions.login(request, user, { keep })
  })
  app.post('/logout', (request, reply) => app.sessions.logout(request, reply))
  app.get('/who', async (request) => ({ who: request.principal?.userId ?? null }))
  app.get('/me', { preHandler: app.sessions.requireAuth }, async (request) => request.principal)
  app.get('/admin', { preHandler: app.sessions.requireRole('admin', 'owner') }, async () => 'admin')
  app.get('/fresh', { preHandler: app.sessions.requireFresh({ withinMs: 60_000 }) }, async () => 'fresh')
  app.get('/cart', async (request) => request.session.cart ?? [])
  app.post<{ Body: { item: string } }>('/cart', async (request) => {
    request.session.cart = [...(request.session.cart ?? []), request.body.item]
    return request.session.cart
  })
  app.post<{ Body: { note?: string } }>('/note', async (request) => {
    request.session.note = request.body.note
    return {}
  })
  app.get('/note', async (request) => ({ note: request.session.note ?? null }))
  app.post('/destroy', async (request) => {
    await request.session.destroy()
    return { left: Object.keys(request.session), who: request.principal }
  })
  app.post('/regenerate', async (request) => {
    await request.session.regenerate(['cart'])
    return {}
  })
  app.get('/sessions', { preHandler: app.sessions.requireAuth }, async (request) =>
    app.sessions.list(request.principal?.userId ?? '', { request }),
  )
}

/** A shop with sessions. */
export async function createShop(
  t: Test,
  options: SessionOptions,
  server: FastifyServerOptions = {},
  moreRoutes: (app: FastifyInstance) => void = () => undefined,
): Promise<TestApp> {
  const created = loggingApp(t, server)
  created.app.register(session, { secret, ...options })
  created.app.register(async (app) => {
    shopRoutes(app)
    moreRoutes(app)
  })
  await created.app.ready()
  return created
}
