/** The element with that id, which the page has. */
export function element(id: string): HTMLElement
export function element<Kind extends Element>(id: string, kind: new () => Kind): Kind
export function element(id: string, kind: new () => Element = HTMLElement): Element {
  const found = document.getElementById(id)
  if (found instanceof kind) return found
  throw new TypeError(`the page has no ${kind.name} #${id}`)
}

/** `true` is an attribute without a value; `false` and undefined leave it out. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>
export type Child = Node | string

/** A new element. Text goes in as text: nothing from the server becomes markup. */
export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag)
  setAttributes(made, attributes)
  made.append(...children)
  return made
}

/** The same for the parts of a drawing. */
export function draw<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[Tag] {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag)
  setAttributes(made, attributes)
  made.append(...children)
  return made
}

/** A button that does something. */
export function button(label: string, onClick: () => void, attributes: Attributes = {}): HTMLButtonElement {
  const made = make('button', { type: 'button', ...attributes }, label)
  made.addEventListener('click', onClick)
  return made
}

/** Text for screen readers, where eyes see it from what stands around. */
export function spoken(text: string): HTMLElement {
  return make('span', { class: 'spoken' }, text)
}

/** A name as people gave it: of any length, in any script, whole where the pointer rests on it. */
export function given(name: string): HTMLElement {
  return make('bdi', { class: 'given', title: name }, name)
}

function setAttributes(made: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, '')
    else if (value !== false && value !== undefined) made.setAttribute(name, String(value))
  }
}
