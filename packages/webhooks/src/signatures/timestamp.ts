/**
 * Whether a signed timestamp is recent enough. One from the future is: it was signed, so the sender's
 * clock is ahead of ours.
 *
 * @param text - Seconds since 1970, or milliseconds where there are more than twelve digits.
 * @returns `'none'` when it is no timestamp.
 */
export function timestampAge(
  text: string,
  nowMs: number,
  toleranceSeconds: number,
): 'recent' | 'old' | 'none' {
  if (!/^\d{1,16}$/.test(text)) return 'none'
  const signedMs = text.length > 12 ? Number(text) : Number(text) * 1000
  return nowMs - signedMs > toleranceSeconds * 1000 ? 'old' : 'recent'
}
