#!/usr/bin/env node
// Usage: run-long [--node 22,24] [properties] [chaos] [nodes] [rehearsal]
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { chaos } from '../long/chaos.js'
import { otherNodes } from '../long/other-nodes.js'
import { properties } from '../long/properties.js'
import { rehearsal } from '../long/rehearsal.js'
import { runLong } from '../long/run-long.js'
import { provideRedisServer } from '../provide-redis-server.js'

const defaultNodes = '22,24'
const write = (text: string): void => void process.stdout.write(text)

async function main(): Promise<boolean> {
  const { values, positionals } = parseArgs({
    // `pnpm test:long -- chaos` hands the dashes on.
    args: process.argv.slice(2).filter((arg) => arg !== '--'),
    allowPositionals: true,
    options: { node: { type: 'string', default: defaultNodes } },
  })
  const { path } = await provideRedisServer((line) => {
    write(`${line}\n`)
  })
  const versions = values.node.split(',')
  return runLong({
    root: fileURLToPath(new URL('../../../../', import.meta.url)),
    parts: [properties, chaos, otherNodes(versions), rehearsal(versions)],
    wanted: positionals,
    env: { ...process.env, REDIS_SERVER_BIN: path },
    write,
  })
}

const passed = await main().catch((error: unknown) => {
  write(`${error instanceof Error ? error.message : String(error)}\n`)
  return false
})
process.exitCode = passed ? 0 : 1
