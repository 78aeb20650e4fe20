import { performance } from 'node:perf_hooks'
import type { LongPart, LongResult } from './long-part.js'

export interface RunLongOptions {
  /** The workspace's folder. */
  root: string
  parts: readonly LongPart[]
  /** Names of parts; all when empty. */
  wanted: readonly string[]
  env: NodeJS.ProcessEnv
  write: (text: string) => void
}

/**
 * Runs parts one after another, with lines of progress and one closing summary.
 *
 * @returns Whether all have passed.
 * @throws an Error when a wanted part does not exist
 */
export async function runLong({ root, parts, wanted, env, write }: RunLongOptions): Promise<boolean> {
  const chosen = wanted.length === 0 ? parts : wanted.map((name) => partOf(parts, name))
  const startedMs = performance.now()
  const say = (line: string): void => {
    const seconds = Math.round((performance.now() - startedMs) / 1000)
    write(`${String(seconds).padStart(5)} s  ${line}\n`)
  }
  const results: LongResult[] = []
  for (const { name, about, run } of chosen) {
    say(`${name}: ${about}`)
    const done = await run({ root, env, say }).catch((error: unknown): LongResult[] => [
      { name, passed: false, summary: String(error), seconds: 0 },
    ])
    results.push(
      ...(done.length > 0
        ? done
        : [{ name, passed: false, summary: 'there was nothing to run', seconds: 0 }]),
    )
  }
  const minutes = (performance.now() - startedMs) / 60_000
  const failed = results.filter(({ passed }) => !passed).length
  write(`\n${results.map(line).join('\n')}\n\n`)
  write(`${results.length - failed} passed, ${failed} failed in ${minutes.toFixed(1)} min\n`)
  return failed === 0
}

function partOf(parts: readonly LongPart[], name: string): LongPart {
  const found = parts.find((part) => part.name === name)
  if (found) return found
  throw new Error(`No part is called ${name}; there are ${parts.map((part) => part.name).join(', ')}.`)
}

function line({ name, passed, summary, seconds }: LongResult): string {
  return `${passed ? '✓' : '✗'} ${name.padEnd(40)} ${`${seconds.toFixed(0)} s`.padStart(7)}  ${summary}`
}
