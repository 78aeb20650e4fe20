import { draw, element, make } from './dom.js'

/** One place on the x axis. */
export interface Point {
  label: string
  title: string
  value: number
  /** It stands for less time than the others, so that it cannot be compared with them. */
  isPart: boolean
}

export interface ChartOptions {
  hostId: string
  title: string
  kind: 'line' | 'bars'
  /** On the y axis. */
  short: (value: number) => string
  /** In full. */
  full: (value: number) => string
}

const HEIGHT = 180
const PAD = { top: 12, right: 8, bottom: 26, left: 52 }
const GRID_LINES = 4
const LABEL_WIDTH = 70

/**
 * A line or bars over time, drawn to the width there is. Whoever does not see it is told its gist, and
 * can open it as a table.
 */
export class Chart {
  readonly #options: ChartOptions
  readonly #drawing = make('div', { class: 'drawing' })
  readonly #reading = make('p', { class: 'reading', 'aria-hidden': true })
  readonly #rows = make('tbody')
  readonly #unit = make('span', { class: 'hint' })
  #points: readonly Point[] = []
  #width = 0

  constructor(options: ChartOptions) {
    this.#options = options
    const table = make(
      'table',
      {},
      make('caption', { class: 'spoken' }, options.title),
      make(
        'thead',
        {},
        make(
          'tr',
          {},
          make('th', { scope: 'col' }, 'Time'),
          make('th', { scope: 'col', class: 'number' }, options.title),
        ),
      ),
      this.#rows,
    )
    element(options.hostId).replaceChildren(
      make('figcaption', {}, make('h3', {}, options.title, this.#unit), this.#reading),
      this.#drawing,
      make('details', {}, make('summary', {}, `${options.title} as a table`), table),
    )
    new ResizeObserver(() => {
      if (this.#drawing.clientWidth !== this.#width) this.#draw()
    }).observe(this.#drawing)
  }

  /** @param unit what a point stands for, such as a day */
  show(points: readonly Point[], unit: string): void {
    this.#points = points
    this.#unit.textContent = ` by ${unit}`
    this.#rows.replaceChildren(
      ...points.map(({ title, value }) =>
        make(
          'tr',
          {},
          make('th', { scope: 'row' }, title),
          make('td', { class: 'number' }, this.#options.full(value)),
        ),
      ),
    )
    this.#draw()
  }

  #draw(): void {
    this.#width = this.#drawing.clientWidth
    if (this.#width === 0 || this.#points.length === 0) {
      this.#drawing.replaceChildren()
      return
    }
    const top = niceTop(Math.max(...this.#points.map(({ value }) => value)))
    const svg = draw('svg', {
      width: this.#width,
      height: HEIGHT,
      viewBox: `0 0 ${this.#width} ${HEIGHT}`,
      role: 'img',
      'aria-label': this.#gist(),
    })
    svg.append(...this.#grid(top), ...this.#axis())
    svg.append(...(this.#options.kind === 'line' ? this.#line(top) : this.#bars(top)))
    const mark = draw('line', { class: 'mark', y1: PAD.top, y2: HEIGHT - PAD.bottom, x1: -1, x2: -1 })
    svg.append(mark)
    this.#followPointer(svg, mark)
    this.#drawing.replaceChildren(svg)
    this.#read()
  }

  /** What the picture says, in a sentence. */
  #gist(): string {
    const { title, full } = this.#options
    const best = this.#points.reduce((one, other) => (other.value > one.value ? other : one))
    const total = this.#points.reduce((sum, { value }) => sum + value, 0)
    return `${title}: ${full(total)} in all, most in ${best.title} with ${full(best.value)}`
  }

  #grid(top: number): SVGElement[] {
    return Array.from({ length: GRID_LINES + 1 }, (_, line) => {
      const value = (top / GRID_LINES) * line
      const y = this.#y(value, top)
      return draw(
        'g',
        { class: 'grid' },
        draw('line', { x1: PAD.left, x2: this.#width - PAD.right, y1: y, y2: y }),
        draw('text', { x: PAD.left - 8, y: y + 4, 'text-anchor': 'end' }, this.#options.short(value)),
      )
    })
  }

  #axis(): SVGElement[] {
    const room = Math.max(2, Math.floor((this.#width - PAD.left) / LABEL_WIDTH))
    const every = Math.ceil(this.#points.length / room)
    return this.#points.flatMap(({ label }, index) =>
      index % every === 0
        ? [draw('text', { class: 'label', ...this.#place(index), y: HEIGHT - 6 }, label)]
        : [],
    )
  }

  /** Below its point, but not beyond the edge. */
  #place(index: number): { x: number; 'text-anchor': string } {
    const edge = this.#width - 2
    return this.#x(index) + LABEL_WIDTH / 3 > edge
      ? { x: edge, 'text-anchor': 'end' }
      : { x: this.#x(index), 'text-anchor': 'middle' }
  }

  #line(top: number): SVGElement[] {
    const floor = this.#y(0, top)
    const places = this.#points.map(({ value }, index) => `${this.#x(index)} ${this.#y(value, top)}`)
    const path = `M${places.join('L')}`
    const last = this.#x(this.#points.length - 1)
    // Only the first and the last can stand for less; the way there is dashed.
    const from = this.#points[0]?.isPart === true ? 1 : 0
    const to = this.#points.length - (this.#points.at(-1)?.isPart === true ? 1 : 0)
    return [
      draw('path', { class: 'area', d: `${path}L${last} ${floor}L${this.#x(0)} ${floor}Z` }),
      draw('path', { class: 'line part', d: path }),
      ...(to > from ? [draw('path', { class: 'line', d: `M${places.slice(from, to).join('L')}` })] : []),
    ]
  }

  #bars(top: number): SVGElement[] {
    const width = Math.max(1, Math.min(28, this.#step() * 0.66))
    return this.#points.map(({ value, isPart }, index) => {
      const y = this.#y(value, top)
      return draw('rect', {
        class: isPart ? 'bar-mark part' : 'bar-mark',
        x: this.#x(index) - width / 2,
        y,
        width,
        height: HEIGHT - PAD.bottom - y,
        rx: Math.min(3, width / 3),
      })
    })
  }

  #followPointer(svg: SVGSVGElement, mark: SVGElement): void {
    svg.addEventListener('pointermove', ({ clientX }) => {
      const x = clientX - svg.getBoundingClientRect().left
      const index = Math.floor((x - PAD.left) / this.#step())
      const near = Math.min(this.#points.length - 1, Math.max(0, index))
      for (const end of ['x1', 'x2']) mark.setAttribute(end, String(this.#x(near)))
      this.#read(near)
    })
    svg.addEventListener('pointerleave', () => {
      for (const end of ['x1', 'x2']) mark.setAttribute(end, '-1')
      this.#read()
    })
  }

  #read(index?: number): void {
    const point = index === undefined ? undefined : this.#points[index]
    this.#reading.textContent = point ? `${point.title}: ${this.#options.full(point.value)}` : ''
  }

  #step(): number {
    return (this.#width - PAD.left - PAD.right) / this.#points.length
  }

  #x(index: number): number {
    return round(PAD.left + this.#step() * (index + 0.5))
  }

  #y(value: number, top: number): number {
    return round(HEIGHT - PAD.bottom - (value / top) * (HEIGHT - PAD.top - PAD.bottom))
  }
}

/** The next number that divides well, so that the lines of the grid have short names. */
function niceTop(value: number): number {
  const least = Math.max(value, GRID_LINES)
  const power = 10 ** Math.floor(Math.log10(least))
  const factor = [1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10].find((each) => each * power >= least) ?? 10
  return factor * power
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
