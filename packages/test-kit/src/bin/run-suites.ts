#!/usr/bin/env node
// Usage: run-suites [--jobs N] [package …]
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { provideRedisServer } from '../provide-redis-server.js'
import { runSuites, type RunTotals } from '../suites/run-suites.js'

const write = (text: string): void => void process.stdout.write(text)

async function main(): Promise<RunTotals> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { jobs: { type: 'string', default: '1' } },
  })
  const jobs = Number(values.jobs)
  if (!Number.isInteger(jobs) || jobs < 1)
    throw new Error(`--jobs takes a whole number from 1, not ${values.jobs}.`)
  const { path } = await provideRedisServer((line) => write(`${line}\n`))
  const root = fileURLToPath(new URL('../../../../', import.meta.url))
  return runSuites({ root, names: positionals, jobs, env: { ...process.env, REDIS_SERVER_BIN: path }, write })
}

const { passed, failed } = await main().catch((error: unknown) => {
  write(`${error instanceof Error ? error.message : String(error)}\n`)
  return { passed: 0, failed: 1 }
})
write(`${passed} passed, ${failed} failed\n`)
process.exitCode = failed === 0 ? 0 : 1
