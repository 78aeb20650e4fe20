#!/usr/bin/env node
// Usage: run-suites [--jobs N] [--check script]… [package …]
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { provideRedisServer } from '../provide-redis-server.js'
import type { Check } from '../suites/run-check.js'
import { runSuites, type RunTotals } from '../suites/run-suites.js'

const write = (text: string): void => void process.stdout.write(text)

async function main(): Promise<RunTotals> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      jobs: { type: 'string', default: '1' },
      check: { type: 'string', multiple: true, default: [] },
    },
  })
  const jobs = Number(values.jobs)
  if (!Number.isInteger(jobs) || jobs < 1)
    throw new Error(`--jobs takes a whole number from 1, not ${values.jobs}.`)
  const { path } = await provideRedisServer((line) => write(`${line}\n`))
  const root = fileURLToPath(new URL('../../../../', import.meta.url))
  const checks = values.check.map((name) => packageScript(name))
  return runSuites({
    root,
    names: positionals,
    jobs,
    checks,
    env: { ...process.env, REDIS_SERVER_BIN: path },
    write,
  })
}

/** A script of the workspace, run by the package manager that runs this. */
function packageScript(name: string): Check {
  const manager = process.env['npm_execpath']
  return manager === undefined
    ? { name, file: 'pnpm', args: ['--silent', 'run', name] }
    : { name, file: process.execPath, args: [manager, '--silent', 'run', name] }
}

const { passed, failed } = await main().catch((error: unknown) => {
  write(`${error instanceof Error ? error.message : String(error)}\n`)
  return { passed: 0, failed: 1 }
})
write(`${passed} passed, ${failed} failed\n`)
process.exitCode = failed === 0 ? 0 : 1
