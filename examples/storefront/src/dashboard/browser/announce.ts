import { button, element } from './dom.js'

const SHOWN_MS = 5_000
let timer: number | undefined

/** Says something for a moment, politely: seen at the edge of the page, heard by a screen reader. */
export function announce(text: string): void {
  const place = element('announce')
  place.textContent = text
  clearTimeout(timer)
  timer = setTimeout(() => {
    place.textContent = ''
  }, SHOWN_MS)
}

/** Shows what went wrong in its place, with a button that tries again where that makes sense; or takes it away. */
export function showError(id: string, error?: unknown, retry?: () => void): void {
  const place = element(id)
  place.hidden = error === undefined
  place.textContent = error === undefined ? '' : messageOf(error)
  if (error !== undefined && retry !== undefined) place.append(' ', button('Try again', retry))
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
