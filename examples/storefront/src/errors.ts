import createError, { type FastifyErrorConstructor } from '@fastify/error'

type Coded<Code extends string, Arguments extends unknown[]> = FastifyErrorConstructor<
  { code: Code },
  Arguments
>

// --- what stops the start -------------------------------------------------------------------------------

/** An environment variable holds what it cannot hold. Arguments: the variable; what is wrong and what to do. */
export const ConfigInvalidError: Coded<
  'SHOP_CONFIG_INVALID',
  [variable: string, problem: string, options?: { cause: unknown }]
> = createError('SHOP_CONFIG_INVALID', 'The environment variable %s %s')

export const SessionSecretMissingError: Coded<'SHOP_SESSION_SECRET_MISSING', []> = createError(
  'SHOP_SESSION_SECRET_MISSING',
  'SESSION_SECRET is not set, and in production every process needs the same one: set it to a random value of ' +
    'at least 32 characters, for example the output of `openssl rand -base64 48`',
)

export const SnapshotMissingError: Coded<'SHOP_SNAPSHOT_MISSING', [cause: { cause: unknown }]> = createError(
  'SHOP_SNAPSHOT_MISSING',
  'The snapshot of the demo catalogue that belongs to this build is not there: run `pnpm build`',
)

/** Arguments: the directory; who holds it; the lock file. */
export const DataDirInUseError: Coded<
  'SHOP_DATA_DIR_IN_USE',
  [directory: string, owner: string, lock: string]
> = createError(
  'SHOP_DATA_DIR_IN_USE',
  'The data directory %s is in use by %s, and an embedded Postgres belongs to one process: stop that process, ' +
    'or give each process its own DATA_DIR, or set DATABASE_URL to share one Postgres. If it no longer runs, ' +
    'delete %s',
)

export const CatalogueLockedError: Coded<'SHOP_CATALOGUE_LOCKED', [seconds: number]> = createError(
  'SHOP_CATALOGUE_LOCKED',
  'Another process has held the lock for loading the catalogue for %s s: see in pg_locks who holds it, then start again',
)

/** Arguments: host and port. */
export const AddressInUseError: Coded<'SHOP_ADDRESS_IN_USE', [address: string, cause: { cause: unknown }]> =
  createError(
    'SHOP_ADDRESS_IN_USE',
    'Another program listens on %s: stop it, or set PORT to a free port (PORT=0 takes any)',
  )

/** Arguments: host and port; why not. */
export const AddressUnusableError: Coded<
  'SHOP_ADDRESS_UNUSABLE',
  [address: string, reason: string, cause: { cause: unknown }]
> = createError(
  'SHOP_ADDRESS_UNUSABLE',
  'This process cannot listen on %s (%s): set HOST to an address of this machine, such as 127.0.0.1 or 0.0.0.0, ' +
    'and PORT to one that it may use',
)

/** Arguments: the directory; why not. */
export const DataDirUnusableError: Coded<
  'SHOP_DATA_DIR_UNUSABLE',
  [directory: string, reason: string, cause: { cause: unknown }]
> = createError(
  'SHOP_DATA_DIR_UNUSABLE',
  'The data directory %s cannot be used (%s): set DATA_DIR to a directory that this process may write to, or ' +
    'unset it to keep the catalogue in memory',
)

// --- what a request can meet ----------------------------------------------------------------------------

export const CatalogueUnavailableError: Coded<'SHOP_CATALOGUE_UNAVAILABLE', [cause: { cause: unknown }]> =
  createError(
    'SHOP_CATALOGUE_UNAVAILABLE',
    'The catalogue cannot be reached: Postgres does not answer at DATABASE_URL; try again in a few seconds',
    503,
  )

export const ProductNotFoundError: Coded<'SHOP_PRODUCT_NOT_FOUND', [ids: string]> = createError(
  'SHOP_PRODUCT_NOT_FOUND',
  'This vendor has no product %s',
  404,
)

export const OrderNotFoundError: Coded<'SHOP_ORDER_NOT_FOUND', [id: string]> = createError(
  'SHOP_ORDER_NOT_FOUND',
  'This vendor has no order %s',
  404,
)

export const CursorInvalidError: Coded<'SHOP_CURSOR_INVALID', []> = createError(
  'SHOP_CURSOR_INVALID',
  'The cursor is not one of this list: pass on X-Next-Cursor unchanged, or leave it out to begin at the start',
  400,
)

export const DuplicateItemError: Coded<'SHOP_DUPLICATE_ITEM', [id: string]> = createError(
  'SHOP_DUPLICATE_ITEM',
  'The product %s is named more than once in one change: put all its fields in one item',
  400,
)

export const CartEmptyError: Coded<'SHOP_CART_EMPTY', []> = createError(
  'SHOP_CART_EMPTY',
  'The cart holds nothing that is still for sale: put products into it first',
  409,
)

/** Argument: the products, and how many of each are left. */
export const StockShortError: Coded<'SHOP_STOCK_SHORT', [products: string]> = createError(
  'SHOP_STOCK_SHORT',
  'There is not enough in stock of %s: put fewer into the cart. Nothing was bought',
  409,
)

export const IdempotencyKeyReusedError: Coded<'SHOP_IDEMPOTENCY_KEY_REUSED', []> = createError(
  'SHOP_IDEMPOTENCY_KEY_REUSED',
  'This Idempotency-Key names a purchase from another vendor: use a new one for each purchase',
  422,
)

export const SignInFailedError: Coded<'SHOP_SIGN_IN_FAILED', []> = createError(
  'SHOP_SIGN_IN_FAILED',
  'The e-mail address or the password is wrong',
  401,
)

export const SessionNotFoundError: Coded<'SHOP_SESSION_NOT_FOUND', []> = createError(
  'SHOP_SESSION_NOT_FOUND',
  'There is no such session of yours: it may have ended already',
  404,
)

export const OtherVendorError: Coded<'SHOP_OTHER_VENDOR', []> = createError(
  'SHOP_OTHER_VENDOR',
  'This instance belongs to another vendor',
  403,
)

export const DeadLetterNotFoundError: Coded<'SHOP_DEAD_LETTER_NOT_FOUND', [id: string]> = createError(
  'SHOP_DEAD_LETTER_NOT_FOUND',
  'There is no dead letter %s: it may have been replayed or discarded already',
  404,
)

export const StreamsBusyError: Coded<'SHOP_STREAMS_BUSY', []> = createError(
  'SHOP_STREAMS_BUSY',
  'As many pages as this process feeds with live figures are open: close one, or try again in a few seconds',
  503,
)

export const DateRangeInvalidError: Coded<'SHOP_DATE_RANGE_INVALID', [from: string, to: string]> =
  createError('SHOP_DATE_RANGE_INVALID', 'The range from %s to %s ends before it begins', 400)

/** Argument: what is missing or unreadable, and what to pass instead. */
export const InstanceReferenceInvalidError: Coded<'SHOP_INSTANCE_REFERENCE_INVALID', [problem: string]> =
  createError('SHOP_INSTANCE_REFERENCE_INVALID', '%s', 400)

/** Argument: why the token is not believed. */
export const InstanceTokenRefusedError: Coded<'SHOP_INSTANCE_TOKEN_REFUSED', [reason: string]> = createError(
  'SHOP_INSTANCE_TOKEN_REFUSED',
  'The instance token is refused: %s',
  401,
)
