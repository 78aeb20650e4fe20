import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { OutputLine } from '../guarded-child.js'
import { findSuites } from '../suites/find-suites.js'
import type { LongPart, LongResult } from './long-part.js'
import { runProgram } from './run-program.js'

/** For one file; tap gives up after 30 s unless told otherwise. */
const timeoutSeconds = 3 * 3600
/** How many of the last lines tell what went wrong. */
const lastLines = 40

/** The tests that do more when they are told to, each as often as it takes to find what is rare. */
export const properties: LongPart = {
  name: 'properties',
  about: 'property tests with many more runs: at least a million operations',
  run: async (context) => {
    const results: LongResult[] = []
    let operations = 0
    for (const { name, folder, file } of await propertyTests(context.root)) {
      const { lines, passed, seconds } = await runProgram(
        {
          name,
          file: process.execPath,
          args: [file],
          cwd: folder,
          env: { STAYFAST_LONG: '1', TAP_TIMEOUT: String(timeoutSeconds) },
        },
        context,
      )
      const own = operationsIn(lines)
      operations += own
      const words = passed ? `${own} operations` : `failed:\n${lastOf(lines)}`
      context.say(`${name}: ${words}, ${seconds.toFixed(0)} s`)
      results.push({ name, passed: passed, summary: words, seconds })
    }
    context.say(`properties: ${operations} operations in all`)
    return results
  },
}

interface PropertyTest {
  name: string
  folder: string
  file: string
}

/** Compiled tests that ask whether they are to take long. */
export async function propertyTests(root: string): Promise<PropertyTest[]> {
  const found: PropertyTest[] = []
  for (const { name, folder } of await findSuites(root)) {
    const tests = join(folder, 'test-dist')
    if (!existsSync(tests)) continue
    for (const file of (await readdir(tests)).filter((each) => each.endsWith('.test.js')).sort()) {
      const text = await readFile(join(tests, file), 'utf8')
      if (/\blongRuns\(|STAYFAST_LONG/.test(text))
        found.push({ name: `${name} ${basename(file, '.test.js')}`, folder, file: join(tests, file) })
    }
  }
  return found
}

/** Tests say `operations: 123` in a comment of their TAP. */
export function operationsIn(lines: readonly OutputLine[]): number {
  return lines.reduce((sum, { text }) => sum + Number(/^\s*# operations: (\d+)$/.exec(text)?.[1] ?? 0), 0)
}

function lastOf(lines: readonly OutputLine[]): string {
  const from = lines.findIndex(({ text }) => /^\s*not ok/.test(text))
  return lines
    .slice(Math.max(0, from))
    .slice(0, lastLines)
    .map(({ text }) => text)
    .join('\n')
}
