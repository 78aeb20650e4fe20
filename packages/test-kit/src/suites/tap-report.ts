import { type FinalResults, Parser, type Result } from 'tap-parser'
import type { ChildExit } from '../guarded-child.js'

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

/** Counts the assertions of test files as they come: the innermost points, not the tests around them. */
export class TapReport {
  files = 0
  passed = 0
  failed = 0
  skipped = 0
  readonly skips: Skip[] = []
  readonly failures: Failure[] = []

  /** What one more file writes goes into it. */
  file(name: string): TapFile {
    this.files++
    return new TapFile(this, name)
  }

  pass(): void {
    this.passed++
  }

  fail(path: string[], diagnostics?: unknown): void {
    this.failed++
    this.failures.push({ path, diagnostics })
  }

  skip(path: string[], reason: string | boolean): void {
    this.skipped++
    if (typeof reason === 'string') this.skips.push({ path, reason })
  }
}

/** The output of one test file, line by line, and how it ended. */
export class TapFile {
  readonly #report: TapReport
  readonly #name: string
  readonly #failedBefore: number
  readonly #parser: Parser
  #results: FinalResults | undefined

  constructor(report: TapReport, name: string) {
    this.#report = report
    this.#name = name
    this.#failedBefore = report.failed
    this.#parser = new Parser((results) => {
      this.#results = results
    })
    this.#watch(this.#parser, [name])
  }

  write(line: string): void {
    this.#parser.write(`${line}\n`)
  }

  /** A file that failed without saying where is a failure by itself. */
  end({ code, signal }: ChildExit): void {
    this.#parser.end()
    if (signal !== null) this.#fail(`It was ended by ${signal}.`)
    else if (this.#report.failed > this.#failedBefore) return
    else if (code !== 0) this.#fail(`It ended with exit code ${String(code)}.`)
    else if (!this.#results?.ok) this.#fail('The output is no complete TAP.', this.#results?.failures)
    else if (this.#results.count === 0) this.#fail('It ran no test.')
  }

  #fail(words: string, diagnostics?: unknown): void {
    this.#report.fail([this.#name, words], diagnostics)
  }

  #watch(parser: Parser, path: string[]): void {
    const report = this.#report
    let failedBefore = report.failed
    parser.on('child', (child: Parser) => {
      failedBefore = report.failed
      this.#watch(child, [...path, child.name])
    })
    parser.on('assert', (point: Result) => {
      const here = [...path, point.name]
      if (point.skip || point.todo) report.skip(here, point.skip)
      else if (!point.closingTestPoint) this.#count(point, here)
      // A test that fails with nothing failing inside: it crashed, or ended too early.
      else if (!point.ok && report.failed === failedBefore) report.fail(here, point.diag)
    })
  }

  #count(point: Result, path: string[]): void {
    if (point.ok) this.#report.pass()
    else this.#report.fail(path, point.diag)
  }
}
