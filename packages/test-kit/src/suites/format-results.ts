import { stringify } from 'tap-yaml'
import type { Suite } from './find-suites.js'
import type { SuiteResult } from './run-suite.js'

const stderrLines = 100

/** What stands behind `name … ` when a suite is through. */
export function summary(result: SuiteResult): string {
  const { suite, files, passed, failed, skipped, seconds } = result
  return [
    `${files} files`,
    `${passed + failed} assertions`,
    `${failed} failed`,
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
    `${seconds.toFixed(1)} s${seconds > suite.minutes * 60 ? ` (over its budget of ${suite.minutes} min)` : ''}`,
    `coverage ${percentage(result.coverage)}${floor(suite)}`,
  ].join(', ')
}

/** Each failure as TAP, with file, test and diagnostics, and what the suite wrote to stderr. */
export function failures(result: SuiteResult): string {
  const points = result.failures.map(({ path, diagnostics }) => {
    const details = diagnostics === undefined || diagnostics === null ? '' : `\n${yaml(diagnostics)}`
    return `not ok - ${path.join(' > ')}${details}`
  })
  const words = result.stderr.slice(-stderrLines)
  const aside = words.length > 0 ? [`stderr of ${result.suite.name}:\n${indented(words.join('\n'))}`] : []
  return [...points, ...aside].join('\n')
}

/** Each test that did not run, with the reason that it gave. */
export function skips(result: SuiteResult): string {
  return result.skips.map(({ path, reason }) => `not run - ${path.join(' > ')}: ${reason}`).join('\n')
}

export function table(results: readonly SuiteResult[]): string {
  const rows = [
    ['suite', 'files', 'passed', 'failed', 'seconds', 'coverage'],
    ...results.map((result) => [
      result.suite.name,
      String(result.files),
      String(result.passed),
      String(result.failed),
      result.seconds.toFixed(1),
      `${percentage(result.coverage)}${floor(result.suite)}`,
    ]),
  ]
  const widths =
    rows[0]?.map((_title, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  return rows
    .map((row) =>
      row
        .map((cell, column) => align(cell, widths[column] ?? 0, column))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function align(cell: string, width: number, column: number): string {
  const isNumber = column > 0 && column < 5
  return isNumber ? cell.padStart(width) : cell.padEnd(width)
}

function percentage(value: number | undefined): string {
  return value === undefined ? 'unknown' : `${Math.floor(value * 10) / 10} %`
}

function floor({ coverageFloor }: Suite): string {
  return coverageFloor === undefined ? '' : ` (floor ${coverageFloor} %)`
}

function yaml(diagnostics: unknown): string {
  return indented(`---\n${stringify(diagnostics).trimEnd()}\n...`)
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '  ')
}
