import { type Child, element, make } from './dom.js'

export interface Column<Row> {
  title: string
  kind?: 'name' | 'number' | 'actions'
  cell: (row: Row) => Child | Child[]
}

/**
 * A table that becomes a list of cards where there is no room for it. Its roles are spelled out, because
 * browsers forget that a table is one when it is laid out otherwise.
 */
export class DataTable<Row> {
  readonly #columns: readonly Column<Row>[]
  readonly #keyOf: (row: Row) => string
  readonly #body: HTMLTableSectionElement
  readonly #table: HTMLTableElement
  readonly #host: HTMLElement

  constructor(hostId: string, caption: string, columns: readonly Column<Row>[], keyOf: (row: Row) => string) {
    this.#columns = columns
    this.#keyOf = keyOf
    this.#body = make('tbody', { role: 'rowgroup' })
    const heads = columns.map(({ title, kind = '' }) =>
      make('th', { scope: 'col', role: 'columnheader', class: kind }, title),
    )
    this.#table = make(
      'table',
      { role: 'table' },
      make('caption', { class: 'spoken' }, caption),
      make('thead', { role: 'rowgroup' }, make('tr', { role: 'row' }, ...heads)),
      this.#body,
    )
    this.#host = element(hostId)
    this.#host.replaceChildren(this.#table)
  }

  get size(): number {
    return this.#body.childElementCount
  }

  set busy(busy: boolean) {
    this.#host.setAttribute('aria-busy', String(busy))
  }

  set(rows: readonly Row[]): void {
    this.#keepingFocus(() => {
      this.#body.replaceChildren(...rows.map((row) => this.#row(row)))
    })
  }

  /** Says below the table what it shows, or in its place why it shows nothing: titles alone say neither. */
  say(text: string): void {
    const isEmpty = this.size === 0
    this.#host.hidden = isEmpty
    const status = element(`${this.#host.id}-status`)
    status.className = isEmpty && text !== '' ? 'empty' : 'hint'
    status.textContent = text
  }

  append(rows: readonly Row[]): void {
    this.#body.append(...rows.map((row) => this.#row(row)))
  }

  /** Puts other cells into the row: what it is now, or how it is edited. */
  update(row: Row, columns: readonly Column<Row>[] = this.#columns): HTMLTableRowElement | undefined {
    const shown = this.rowOf(this.#keyOf(row))
    this.#keepingFocus(() => shown?.replaceChildren(...this.#cells(row, columns)))
    return shown
  }

  rowOf(key: string): HTMLTableRowElement | undefined {
    return [...this.#body.rows].find((row) => row.dataset['key'] === key)
  }

  /** Whoever works by keyboard stays where they are: in the same row, or in the one that took its place. */
  #keepingFocus(change: () => void): void {
    const focused = document.activeElement
    const row = [...this.#body.rows].find((each) => each.contains(focused))
    if (row === undefined) {
      change()
      return
    }
    const control = controlsOf(row).findIndex((each) => each === focused)
    const { sectionRowIndex } = row
    change()
    const same =
      this.rowOf(row.dataset['key'] ?? '') ??
      this.#body.rows[sectionRowIndex] ??
      this.#body.rows[sectionRowIndex - 1]
    if (same !== undefined) controlsOf(same)[control]?.focus()
  }

  #row(row: Row): HTMLTableRowElement {
    return make('tr', { role: 'row', 'data-key': this.#keyOf(row) }, ...this.#cells(row, this.#columns))
  }

  #cells(row: Row, columns: readonly Column<Row>[]): HTMLTableCellElement[] {
    return columns.map(({ title, kind = '', cell }) => {
      const content = cell(row)
      const children = Array.isArray(content) ? content : [content]
      return kind === 'name'
        ? make('th', { scope: 'row', role: 'rowheader', class: kind }, ...children)
        : make('td', { role: 'cell', class: kind, 'data-title': title }, ...children)
    })
  }
}

function controlsOf(row: HTMLTableRowElement): HTMLElement[] {
  return [...row.querySelectorAll<HTMLElement>('input, select, button')]
}
