export { session, session as default } from './plugin.js'
// Brings request.session and reply.setCookie to those who import nothing else.
export type { FastifySessionObject } from '@fastify/session'
export type { EncryptionKey } from './field-cipher.js'
export type { SessionOptions, SessionStoreOptions } from './options.js'
export type { Principal, SessionUser } from './session-about.js'
export type { Ended, LoginOptions, SessionGuard, Sessions, SessionSummary } from './sessions.js'
export type { Durability } from './stores/session-store.js'
