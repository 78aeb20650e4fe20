import { type Outcome } from './request-record.js'

/** A request as the picture shows it. */
export interface PictureRequest {
  /** From the strike to when it was sent; negative before it. */
  readonly sentAfterMs: number
  readonly milliseconds: number
  readonly outcome: Outcome
}

/** What one app did. */
export interface PicturePanel {
  readonly title: string
  readonly requests: readonly PictureRequest[]
  /** From the strike to its end. */
  readonly outageMs: number
}

const fromMs = -2_000
const untilMs = 9_000
const [quickestMs, slowestMs] = [1, 15_000]
/** Longer than this is felt. */
const promptMs = 100
const gridMs = [1, 10, 100, 1_000, 10_000]
const panel = { width: 470, height: 300, left: 58, top: 64, gap: 24 }

type Fate = 'answered' | 'refused' | 'failed'

const words: Readonly<Record<Fate, string>> = {
  answered: 'answered',
  refused: 'told to try again (503, Retry-After)',
  failed: 'an error, or no answer',
}

function fateOf(outcome: Outcome): Fate {
  return outcome === 'ok' ? 'answered' : outcome === 'refused' ? 'refused' : 'failed'
}

/** Two apps side by side: each request a dot, when it was sent across, how long it took upwards. */
export function outagePicture(panels: readonly PicturePanel[], fault: string): string {
  const width = panels.length * (panel.width + panel.gap) + panel.left - panel.gap + 16
  const height = panel.top + panel.height + 104
  const summary = panels.map((each) => `${each.title}: ${captionOf(each).join(', ')}`).join('. ')
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="t d">
<title id="t">The same requests while Redis is ${fault}</title>
<desc id="d">${summary}.</desc>
<style>
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 17px; font-weight: 600 }
  .note { fill: #57606a }
  .grid { stroke: #d0d7de; stroke-width: 1 }
  .outage { fill: #f6c343; opacity: .18 }
  .answered { fill: #1a7f5a } .refused { fill: #b7791f } .failed { fill: #cf222e }
  circle { opacity: .55 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .note { fill: #9198a1 } .grid { stroke: #3d444d }
    .answered { fill: #3fb98a } .refused { fill: #e0a63a } .failed { fill: #ff6a69 }
  }
</style>
${panels.map((each, index) => panelSvg(each, index, fault)).join('\n')}
${legend(height)}
</svg>
`
}

function panelSvg(given: PicturePanel, index: number, fault: string): string {
  const left = panel.left + index * (panel.width + panel.gap)
  const x = (ms: number): number => round(left + ((ms - fromMs) / (untilMs - fromMs)) * panel.width)
  const bottom = panel.top + panel.height
  const grid = gridMs.map((ms) => {
    const label = index > 0 ? '' : textAt(panel.left - 8, y(ms) + 4, spoken(ms), 'note', 'end')
    return `<line class="grid" x1="${left}" x2="${left + panel.width}" y1="${y(ms)}" y2="${y(ms)}"/>${label}`
  })
  const dots = given.requests
    .filter(({ sentAfterMs }) => sentAfterMs >= fromMs && sentAfterMs <= untilMs)
    .map(
      ({ sentAfterMs, milliseconds, outcome }) =>
        `<circle class="${fateOf(outcome)}" cx="${x(sentAfterMs)}" cy="${y(milliseconds)}" r="2.4"/>`,
    )
  return [
    textAt(left, 24, given.title, 'title'),
    textAt(left, 46, captionOf(given).join(' · '), 'note'),
    `<rect class="outage" x="${x(0)}" y="${panel.top}" width="${round(x(given.outageMs) - x(0))}" height="${panel.height}"/>`,
    ...grid,
    ...dots,
    textAt(x(0) + 6, panel.top + 16, `Redis is ${fault}`, 'note'),
    ...[0, 2_000, 4_000, 6_000, 8_000].map((ms) =>
      textAt(x(ms), bottom + 20, `${ms / 1_000} s`, 'note', 'middle'),
    ),
  ].join('\n')
}

function y(milliseconds: number): number {
  const held = Math.min(slowestMs, Math.max(quickestMs, milliseconds))
  const share = Math.log(held / quickestMs) / Math.log(slowestMs / quickestMs)
  return round(panel.top + panel.height * (1 - share))
}

/** What the dots add up to, from the strike to a second behind its end. */
function captionOf({ requests, outageMs }: PicturePanel): readonly string[] {
  const during = requests.filter(({ sentAfterMs }) => sentAfterMs >= 0 && sentAfterMs <= outageMs)
  const share = (fate: Fate, withinMs = Infinity): string => {
    const count = during.filter(
      ({ outcome, milliseconds }) => fateOf(outcome) === fate && milliseconds <= withinMs,
    ).length
    return `${Math.round((100 * count) / Math.max(1, during.length))} %`
  }
  const longestMs = Math.max(0, ...during.map(({ milliseconds }) => milliseconds))
  return [
    `${share('answered', promptMs)} answered in ${promptMs} ms`,
    `${share('refused')} 503`,
    `${share('failed')} failed`,
    `longest ${(longestMs / 1000).toFixed(1)} s`,
  ]
}

function legend(height: number): string {
  const places: readonly (readonly [Fate, number])[] = [
    ['answered', 0],
    ['refused', 110],
    ['failed', 390],
  ]
  return places
    .map(([fate, offset]) => {
      const left = panel.left + offset
      return `<circle class="${fate}" cx="${left}" cy="${height - 34}" r="5"/>${textAt(left + 12, height - 29, words[fate])}`
    })
    .join('\n')
}

function textAt(left: number, top: number, text: string, kind?: string, anchor?: 'middle' | 'end'): string {
  const attributes = [
    ...(kind === undefined ? [] : [`class="${kind}"`]),
    ...(anchor === undefined ? [] : [`text-anchor="${anchor}"`]),
  ]
  return `<text x="${left}" y="${top}" ${attributes.join(' ')}>${text}</text>`
}

function spoken(ms: number): string {
  return ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
