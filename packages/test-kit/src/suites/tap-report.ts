import { type FinalResults, Parser, type Result } from 'tap-parser'

export interface Failure {
  /** The file, then the tests from the outside in. */
  path: string[]
  diagnostics: unknown
}

/** A test that did not run. */
export interface Skip {
  path: string[]
  reason: string
}

/** Counts the assertions of a TAP stream as it comes: the innermost points, not the tests around them. */
export class TapReport {
  files = 0
  passed = 0
  failed = 0
  skipped = 0
  readonly skips: Skip[] = []
  readonly failures: Failure[] = []
  readonly #parser: Parser

  constructor() {
    this.#parser = new Parser((results) => this.#finish(results))
    this.#watch(this.#parser, [])
  }

  write(line: string): void {
    this.#parser.write(`${line}\n`)
  }

  end(): void {
    this.#parser.end()
  }

  fail(path: string[], diagnostics?: unknown): void {
    this.failed++
    this.failures.push({ path, diagnostics })
  }

  #watch(parser: Parser, path: string[]): void {
    let failedBefore = this.failed
    parser.on('child', (child: Parser) => {
      failedBefore = this.failed
      this.#watch(child, [...path, child.name])
    })
    parser.on('assert', (point: Result) => {
      const isFile = parser.level === 0
      if (isFile) this.files++
      const here = [...path, point.name]
      if (point.skip && isFile) this.fail([...here, 'It ran no test.'])
      else if (point.skip || point.todo) this.#skip(here, point.skip)
      else if (!point.closingTestPoint) this.#count(point, here)
      // A test that fails with nothing failing inside: it crashed, or ended too early.
      else if (!point.ok && this.failed === failedBefore) this.fail(here, point.diag)
    })
  }

  #count(point: Result, path: string[]): void {
    if (point.ok) this.passed++
    else this.fail(path, point.diag)
  }

  #skip(path: string[], reason: string | boolean): void {
    this.skipped++
    if (typeof reason === 'string') this.skips.push({ path, reason })
  }

  #finish(results: FinalResults): void {
    if (results.ok || this.failed > 0) return
    this.fail(['The output is no complete TAP.'], results.failures)
  }
}
