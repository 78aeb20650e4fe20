import { createHash, createHmac, randomBytes } from 'node:crypto'

/**
 * Where a session lies. All sessions of a user share a tag, and with it a slot of a Cluster, so that
 * one script can list or revoke them. The digest stands for the id, which is never stored.
 */
export interface SessionAddress {
  readonly tag: string
  /** SHA-256 of the id, base64url. */
  readonly digest: string
  /** The id brought no tag of ours: another generator made it. */
  readonly foreign: boolean
}

/** 132 bits: two users never share a tag. */
const tagCharacters = 22
/** 192 bits, more than the 128 that OWASP ASVS 5.0 (7.2.3) asks for. */
const randomCharacters = 32
/** For both, where the tag is random too. */
const randomByteCount = Math.ceil(((tagCharacters + randomCharacters) * 3) / 4)

const ownId = /^([\w-]{22})~[\w-]{32}$/
const handlePattern = /^([\w-]{22})\.([\w-]{43})$/

/**
 * The tag of a user's sessions. Not keyed with the app's secret, because that one is rotated: a user's
 * older sessions must be found after it. It gives away no more than that two cookies are of one user.
 */
export function tagOfUser(userId: string): string {
  return createHmac('sha256', 'stayfast session user')
    .update(userId)
    .digest('base64url')
    .slice(0, tagCharacters)
}

/** A new id; without a tag that of a visitor who has not signed in. */
export function newSessionId(tag?: string): string {
  const random = nextRandom()
  return `${tag ?? random.slice(randomCharacters, randomCharacters + tagCharacters)}~${random.slice(0, randomCharacters)}`
}

let pool = Buffer.alloc(0)
let used = 0

/** Every request without a session gets an id, though most are never used: random bytes are drawn in bulk. */
function nextRandom(): string {
  if (used + randomByteCount > pool.length) {
    pool = randomBytes(128 * randomByteCount)
    used = 0
  }
  used += randomByteCount
  return pool.toString('base64url', used - randomByteCount, used)
}

/** Where the session with that id lies, whoever made the id. */
export function addressOf(id: string): SessionAddress {
  const digest = createHash('sha256').update(id).digest('base64url')
  const tag = ownId.exec(id)?.[1]
  return tag === undefined
    ? { tag: digest.slice(0, tagCharacters), digest, foreign: true }
    : { tag, digest, foreign: false }
}

/** What names a session to its user and to operators: it leads to the session and opens nothing. */
export function handleOf({ tag, digest }: Pick<SessionAddress, 'tag' | 'digest'>): string {
  return `${tag}.${digest}`
}

/** Takes a handle apart; undefined when it is none. */
export function addressOfHandle(handle: string): SessionAddress | undefined {
  const [, tag, digest] = handlePattern.exec(handle) ?? []
  return tag === undefined || digest === undefined ? undefined : { tag, digest, foreign: false }
}
