import { showError } from './announce.js'
import type { Answer } from './api.js'
import type { DataTable } from './data-table.js'
import { element } from './dom.js'

const SEARCH_PAUSE_MS = 250

/** What the table shows now. */
export interface Shown {
  size: number
  search: string
  more: boolean
}

export interface SearchListOptions<Row> {
  table: DataTable<Row>
  /** How the ids of the elements around the table begin: those of the search, and those of what it finds. */
  one: string
  many: string
  pageSize: number
  ask: (query: URLSearchParams, signal: AbortSignal) => Promise<Answer<Row[]>>
  /** Says below the table what it shows. */
  summary: (shown: Shown) => string
}

/** Fills a table with what a search finds, page by page. Of several searches under way the last one counts. */
export class SearchList<Row> {
  readonly #options: SearchListOptions<Row>
  #nextCursor: string | null = null
  #underWay = new AbortController()
  #pause: number | undefined
  #loading = false
  /** Whether what is shown may be out of date. */
  stale = true

  constructor(options: SearchListOptions<Row>) {
    this.#options = options
    const { one, many } = options
    element(`${one}-text`).addEventListener('input', () => {
      clearTimeout(this.#pause)
      this.#pause = setTimeout(() => void this.#load(), SEARCH_PAUSE_MS)
    })
    element(`${one}-search`).addEventListener('submit', (event) => {
      event.preventDefault()
      clearTimeout(this.#pause)
      void this.#load()
    })
    element(`${many}-more`).addEventListener('click', () => void this.#load({ append: true }))
  }

  async show(): Promise<void> {
    if (this.stale && !this.#loading) await this.#load()
  }

  async #load({ append = false } = {}): Promise<void> {
    const { table, one, many, pageSize, ask, summary } = this.#options
    this.#underWay.abort()
    this.#underWay = new AbortController()
    const { signal } = this.#underWay
    const query = new URLSearchParams({ limit: String(pageSize) })
    const search = element(`${one}-text`, HTMLInputElement).value.trim()
    if (search !== '') query.set('search', search)
    if (append && this.#nextCursor !== null) query.set('cursor', this.#nextCursor)
    this.#loading = true
    table.busy = true
    if (table.size === 0) table.say(`Loading ${many}…`)
    try {
      const { body, nextCursor } = await ask(query, signal)
      if (signal.aborted) return
      if (append) table.append(body)
      else table.set(body)
      this.#nextCursor = nextCursor
      this.stale = false
      showError(`${many}-error`)
      const more = nextCursor !== null
      element(`${many}-more`).hidden = !more
      table.say(summary({ size: table.size, search, more }))
    } catch (error) {
      if (signal.aborted) return
      showError(`${many}-error`, error, () => void this.#load({ append }))
      table.say('')
    } finally {
      if (!signal.aborted) {
        this.#loading = false
        table.busy = false
      }
    }
  }
}
