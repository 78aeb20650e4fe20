import { createError, type FastifyError, type FastifyErrorConstructor } from '@fastify/error'
import type { Outcome } from '@stayfast/redis-kit'

type Cause = [options?: { cause: unknown }]
type Text = [text: string, options?: { cause: unknown }]

/** An option that does not exist or has a value it cannot have. Thrown at registration. */
export const SessionOptionError: FastifyErrorConstructor<{ code: string }, Text> = createError<string, Text>(
  'STAY_SESSION_OPTION_INVALID',
  '%s',
  500,
)

/** The app has registered \@fastify/session with a store of its own. Thrown at registration. */
export const ForeignStoreError: FastifyErrorConstructor<{ code: string }, Text> = createError<string, Text>(
  'STAY_SESSION_STORE_FOREIGN',
  '@fastify/session is registered already, %s. Either leave that registration out, for this plugin registers @fastify/session itself, or keep it and give it our store: const store = createSessionStore({ redis }); app.register(fastifySession, { store, idGenerator: store.idGenerator, … }). With createSessionStore({ redis, legacy: { prefix: "sess:" } }), or the option legacy of this plugin, nobody is signed out by the change.',
  500,
)

/** Another plugin has the name of a decorator. Thrown at registration. */
export const DecoratorTakenError: FastifyErrorConstructor<
  { code: string },
  [on: string, name: string, option: string, other: string]
> = createError<string, [on: string, name: string, option: string, other: string]>(
  'STAY_SESSION_DECORATOR_TAKEN',
  'Another plugin has decorated the %s with "%s" already. Choose another name by the option %s, such as "%s".',
  500,
)

/** The sessions were used before the app was ready: only then is it known where Redis is. */
export const SessionsNotReadyError: FastifyErrorConstructor<{ code: string }, Cause> = createError<
  string,
  Cause
>(
  'STAY_SESSION_NOT_READY',
  'Sessions were used before the app was ready, when it is not known yet where Redis is. Use them in a request, or after await app.ready().',
  500,
)

/** Nobody is signed in. */
export const SignInRequiredError: FastifyErrorConstructor<{ code: string }, Cause> = createError<
  string,
  Cause
>('STAY_SESSION_REQUIRED', 'Sign in first.', 401)

/** Somebody is signed in who may not do this. */
export const RoleMissingError: FastifyErrorConstructor<{ code: string }, Cause> = createError<string, Cause>(
  'STAY_SESSION_FORBIDDEN',
  'Your account may not do this.',
  403,
)

/** The sign-in is too long ago for what is wanted. */
export const NotFreshError: FastifyErrorConstructor<{ code: string }, Cause> = createError<string, Cause>(
  'STAY_SESSION_NOT_FRESH',
  'This needs a recent sign-in: confirm your password and try again.',
  401,
)

/** All sessions of the user were revoked while this sign-in was under way. */
export const RevokedMeanwhileError: FastifyErrorConstructor<{ code: string }, Cause> = createError<
  string,
  Cause
>('STAY_SESSION_REVOKED', 'All sessions of this account were ended while you signed in. Sign in again.', 401)

/** The request comes from a page of somebody else. */
export const ForeignOriginError: FastifyErrorConstructor<{ code: string }, Cause> = createError<
  string,
  Cause
>('STAY_SESSION_ORIGIN_FOREIGN', 'This request comes from a page of another origin and is refused.', 403)

/** The cookie could not be sent back, so nothing was written. */
export const InsecureConnectionError: FastifyErrorConstructor<{ code: string }, Text> = createError<
  string,
  Text
>(
  'STAY_SESSION_INSECURE',
  'The session cookie is sent over https only, and this request came over plain http: %s. Nothing was written.',
  500,
)

/** What was given is no user, or `login` has no such option. */
export const LoginInvalidError: FastifyErrorConstructor<{ code: string }, Text> = createError<string, Text>(
  'STAY_SESSION_LOGIN_INVALID',
  'Nothing was done: %s.',
  500,
)

/** What `tenantOf` has answered is no tenant. */
export const TenantInvalidError: FastifyErrorConstructor<{ code: string }, []> = createError<string, []>(
  'STAY_SESSION_TENANT_INVALID',
  'Whose sessions are good here is not known: tenantOf answers a text, or undefined for no tenant.',
  500,
)

/** A field of a session has a name or a value that it cannot have. Names the field, never its value. */
export const FieldInvalidError: FastifyErrorConstructor<{ code: string }, Text> = createError<string, Text>(
  'STAY_SESSION_FIELD_INVALID',
  'The session cannot be stored: %s.',
  500,
)

/** The session is larger than `maxBytes`. What is stored stays. */
export const SessionTooLargeError: FastifyErrorConstructor<{ code: string }, [number, number]> = createError<
  string,
  [number, number]
>(
  'STAY_SESSION_TOO_LARGE',
  'The session would take %d bytes as JSON and may take %d: keep what is large elsewhere, or raise maxBytes.',
  413,
)

/** A session object that was not loaded would be stored under the id of one that is there. */
export const SessionExistsError: FastifyErrorConstructor<{ code: string }, Cause> = createError<
  string,
  Cause
>(
  'STAY_SESSION_EXISTS',
  'There is a session with this id already, and this one was not loaded from it: it would wipe it. Change the session that the store answered.',
  500,
)

/** A stored value cannot be decrypted. Logged; the session counts as gone. */
export const SessionDecryptError: FastifyErrorConstructor<{ code: string }, Text> = createError<string, Text>(
  'STAY_SESSION_UNDECIPHERABLE',
  'A session cannot be read: %s. Put the key that it was encrypted with behind the first one of encryptionKeys.',
  500,
)

/** The memory store is full; what it holds is kept. */
export const SessionStoreFullError: FastifyErrorConstructor<{ code: string }, [number]> = createError<
  string,
  [number]
>(
  'STAY_SESSION_STORE_FULL',
  'The memory holds %d sessions and takes no more: set REDIS_URL, or raise maxSessionsInMemory.',
  503,
)

/** What an error of Redis being away adds: the header is sent by Fastify's own error handler. */
export interface AwayError extends FastifyError {
  readonly canRetry: true
  readonly outcome: Outcome
  readonly headers: { readonly 'retry-after': string }
}

const UnavailableError: FastifyErrorConstructor<{ code: string }, Cause> = createError<string, Cause>(
  'STAY_SESSION_UNAVAILABLE',
  'It cannot be told now who is signed in, because the session store could not be asked. Nobody was signed out: try again in a moment.',
  503,
)

/** Redis could not be asked. Code `STAY_SESSION_UNAVAILABLE`. */
export function sessionUnavailable(cause: Error, outcome: Outcome, retryAfterSeconds: number): AwayError {
  return Object.assign(new UnavailableError({ cause }), {
    canRetry: true as const,
    outcome,
    headers: { 'retry-after': String(retryAfterSeconds) },
  })
}

/** Whether the error says that Redis is away. */
export function isAwayError(error: unknown): error is AwayError {
  return error instanceof Error && 'code' in error && error.code === 'STAY_SESSION_UNAVAILABLE'
}
