/** Markup that is safe to send as it is. */
export class Html {
  readonly markup: string

  constructor(markup: string) {
    this.markup = markup
  }
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Builds markup: every value is escaped, for text and for quoted attributes, unless it is {@link Html} itself. */
export function html(parts: TemplateStringsArray, ...values: readonly (string | number | Html)[]): Html {
  const markup = parts.map((part, index) => {
    const value = values[index]
    return value === undefined ? part : part + (value instanceof Html ? value.markup : escaped(String(value)))
  })
  return new Html(markup.join(''))
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
}
