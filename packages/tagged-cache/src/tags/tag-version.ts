import { randomBytes } from 'node:crypto'

/**
 * The version of a tag is opaque: two of them are equal or they are not. In Redis it is a nonce of 56
 * random bits, a dot, and the time of the Redis that ran the script, so that a script that runs twice,
 * or late, makes another version each time.
 */
export type TagVersion = string

let localVersions = 0

/** A version of this process alone: no other process and no Redis ever has it. */
export function localVersion(): TagVersion {
  localVersions += 1
  return `~${localVersions}`
}

const nonceBytes = 7
const noncesAtOnce = 128
let pool = Buffer.alloc(0)
let used = 0

/** 56 random bits in letters and digits, so that Lua's patterns take it as it is. */
export function nonce(): string {
  if (used >= pool.length) {
    pool = randomBytes(nonceBytes * noncesAtOnce)
    used = 0
  }
  const text = pool.toString('hex', used, used + nonceBytes)
  used += nonceBytes
  return text
}

/** When Redis made a version, in µs of its clock; 0 when it is none of Redis. */
export function versionUs(version: TagVersion): number {
  const dot = version.indexOf('.')
  return dot < 0 ? 0 : Number(version.slice(dot + 1))
}
