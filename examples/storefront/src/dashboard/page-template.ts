const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** A page with places of the form `{{name}}`, in text or in quoted attributes. */
export class PageTemplate {
  readonly #parts: readonly string[]

  constructor(markup: string) {
    this.#parts = markup.split(/\{\{(\w+)\}\}/)
  }

  /** Puts the values into their places, escaped. */
  fill(values: Readonly<Record<string, string>>): string {
    return this.#parts
      .map((part, index) => {
        if (index % 2 === 0) return part
        const value = values[part]
        if (value === undefined)
          throw new TypeError(`the page has a place {{${part}}} and got no value for it`)
        return escaped(value)
      })
      .join('')
  }
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
}
