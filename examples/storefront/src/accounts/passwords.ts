import { hash, verify } from '@node-rs/argon2'

/** Argon2id with the library's defaults, which are OWASP's: 19 MiB, two passes. Runs outside the event loop. */
export function hashPassword(password: string): Promise<string> {
  return hash(password)
}

/** A hash that no password has: checked where there is no user, so that both answers take as long. */
let nobodysHash: Promise<string> | undefined

/** Whether the password is the one of `passwordHash`; never, and just as slowly, where there is no hash. */
export async function isPassword(password: string, passwordHash: string | undefined): Promise<boolean> {
  if (passwordHash !== undefined) return verify(passwordHash, password)
  nobodysHash ??= hash('no password is this one')
  await verify(await nobodysHash, password)
  return false
}
