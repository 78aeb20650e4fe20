import { defineScript, type RedisClient, type RedisLink, type Script } from '@stayfast/redis-kit'
import { changedFields } from '../session-fields.js'
import type { ChangeTexts, FieldTexts } from './session-store.js'

/** Sessions that a plain store, such as connect-redis, has left. */
export interface LegacyOptions {
  /** What its keys begin with, before the id; with connect-redis `sess:`. */
  readonly prefix: string
  /**
   * `false` leaves them where they are, and makes new ones there too, while processes with the plain
   * store are still running: see the README on rolling deploys.
   */
  readonly convert?: boolean
}

/** Options of {@link PlainSessions}. */
export interface PlainSessionsOptions extends LegacyOptions {
  readonly link: RedisLink
  readonly idleMs: number
  readonly renewEveryMs: number
}

/** A session as a plain store keeps it: all of it in one text of JSON. */
export interface PlainSession {
  readonly text: string
  readonly fields: FieldTexts
}

/** A change that others overtake each time is given up. */
const attempts = 10

/**
 * KEYS   session · ARGV  idle ms · how often use is noted, ms
 * reply  the text, or nil
 */
const readScript: Script<string | undefined> = defineScript(
  `
local text = redis.call('GET', KEYS[1])
if not text then return nil end
local left = redis.call('PTTL', KEYS[1])
if left > 0 and left < tonumber(ARGV[1]) - tonumber(ARGV[2]) then redis.pcall('PEXPIRE', KEYS[1], ARGV[1]) end
return text
`,
  (reply) => (typeof reply === 'string' ? reply : undefined),
)

/**
 * KEYS   session · ARGV  the text as it was read · the text as it should be, or '' for none
 * reply  1 done · 0 it is another by now · -1 it is gone
 *
 * Compares, because a plain store writes the whole session, and what is gone must stay gone.
 */
const exchangeScript: Script<number> = defineScript(
  `
local text = redis.call('GET', KEYS[1])
if not text then return -1 end
if text ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1])
else redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL') end
return 1
`,
  Number,
)

/** Sessions in the keys and the format of a plain store: a text of JSON each, under the id itself. */
export class PlainSessions {
  readonly #options: PlainSessionsOptions

  constructor(options: PlainSessionsOptions) {
    this.#options = options
  }

  /** They are moved to our own format when they are met. */
  get converts(): boolean {
    return this.#options.convert !== false
  }

  async read(client: RedisClient, id: string): Promise<PlainSession | undefined> {
    const { idleMs, renewEveryMs } = this.#options
    const text = await readScript.run(client, [this.#key(id)], [idleMs, renewEveryMs])
    const fields = text === undefined ? undefined : plainFields(text)
    return text === undefined || fields === undefined ? undefined : { text, fields }
  }

  async create(client: RedisClient, id: string, fields: FieldTexts): Promise<boolean> {
    const { idleMs } = this.#options
    const made = await client.call('SET', this.#key(id), plainText(fields), 'PX', idleMs, 'NX')
    return made !== null
  }

  async save(client: RedisClient, id: string, change: ChangeTexts): Promise<'saved' | 'gone'> {
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const plain = await this.read(client, id)
      if (plain === undefined) return 'gone'
      const cookie = plainMember(plain.text, 'cookie')
      const after = plainText(changedFields(plain.fields, change), cookie)
      const done = await exchangeScript.run(client, [this.#key(id)], [plain.text, after])
      if (done < 0) return 'gone'
      if (done > 0) return 'saved'
    }
    throw new Error('A session was changed by others each time it was to be changed here.')
  }

  /** Removes it if it still is as it was read. */
  async remove(
    client: RedisClient,
    id: string,
    plain: PlainSession,
  ): Promise<'removed' | 'changed' | 'gone'> {
    const done = await exchangeScript.run(client, [this.#key(id)], [plain.text, ''])
    return done > 0 ? 'removed' : done === 0 ? 'changed' : 'gone'
  }

  async destroy(client: RedisClient, id: string): Promise<boolean> {
    return (await client.del(this.#key(id))) > 0
  }

  #key(id: string): string {
    // As the plain store builds it: nothing is escaped.
    return `${this.#options.link.keyPrefix}${this.#options.prefix}${id}`
  }
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}

/** The fields; undefined when it is no session, or one that its own cookie says is over. */
function plainFields(text: string): FieldTexts | undefined {
  const { cookie, ...values } = parsed(text) ?? { cookie: null }
  if (cookie === null) return undefined
  if (typeof cookie === 'object' && 'expires' in cookie && typeof cookie.expires === 'string') {
    if (Date.parse(cookie.expires) <= Date.now()) return undefined
  }
  return new Map(Object.entries(values).map(([name, value]) => [name, JSON.stringify(value)]))
}

function plainMember(text: string, name: string): string | undefined {
  const value = parsed(text)?.[name]
  return value === undefined ? undefined : JSON.stringify(value)
}

function plainText(fields: FieldTexts, cookie?: string): string {
  const members = [...fields].map(([name, text]) => `${JSON.stringify(name)}:${text}`)
  return `{${[...(cookie === undefined ? [] : [`"cookie":${cookie}`]), ...members].join(',')}}`
}
