/**
 * The tables, in a schema of their own, so that they meet nobody else's `products` in a shared database.
 *
 * - Timestamps keep milliseconds, as JavaScript does: a cursor that lost microseconds would skip rows.
 * - Ids are compared byte by byte (`"C"`), so that order and cursors agree whatever the server's locale.
 * - An order outlives its product, hence no foreign key between them.
 * - The vendor's counters hand out ids; updating them in the inserting statement makes that atomic.
 */
export const schemaStatements: readonly string[] = [
  `create schema storefront`,

  `create table storefront.vendors (
     id text collate "C" primary key,
     name text not null,
     number integer not null unique,
     last_product_number integer not null,
     last_order_number integer not null
   )`,

  `create table storefront.products (
     vendor_id text collate "C" not null references storefront.vendors (id),
     id text collate "C" not null,
     number integer not null,
     name text not null,
     sku text not null,
     price_cents integer not null check (price_cents >= 0),
     stock integer not null check (stock >= 0),
     updated_at timestamptz(3) not null,
     primary key (vendor_id, id),
     unique (vendor_id, number)
   )`,

  `create table storefront.orders (
     vendor_id text collate "C" not null references storefront.vendors (id),
     id text collate "C" not null,
     product_id text collate "C" not null,
     quantity integer not null check (quantity > 0),
     total_cents bigint not null check (total_cents >= 0),
     status text not null,
     created_at timestamptz(3) not null,
     primary key (vendor_id, id)
   )`,
]

/** Built after the rows are in, which is quicker than keeping them up while loading. */
export const indexStatements: readonly string[] = [
  `create index orders_newest_first on storefront.orders (vendor_id, created_at desc, id desc)`,
]

/** What people and shops leave behind: users, carts, purchases, events. Made at each start where it is missing. */
export const peopleStatements: readonly string[] = [
  `create table if not exists storefront.users (
     id text collate "C" primary key,
     email text not null unique,
     vendor_id text collate "C" references storefront.vendors (id),
     roles text not null,
     password_hash text
   )`,

  `create table if not exists storefront.cart_items (
     vendor_id text collate "C" not null,
     user_id text collate "C" not null,
     product_id text collate "C" not null,
     quantity integer not null check (quantity > 0),
     position integer not null,
     primary key (user_id, vendor_id, product_id),
     foreign key (vendor_id, product_id) references storefront.products (vendor_id, id) on delete cascade
   )`,

  `create table if not exists storefront.checkouts (
     user_id text collate "C" not null,
     key text collate "C" not null,
     vendor_id text collate "C" not null,
     receipt jsonb,
     created_at timestamptz(3) not null default now(),
     primary key (user_id, key)
   )`,

  `create table if not exists storefront.webhook_events (
     token text collate "C" primary key,
     provider text not null,
     event_id text not null,
     topic text not null,
     vendor_id text collate "C",
     outcome text not null,
     note text not null,
     handled_at timestamptz(3) not null default now()
   )`,

  `create index if not exists webhook_events_by_age on storefront.webhook_events (handled_at)`,
]
