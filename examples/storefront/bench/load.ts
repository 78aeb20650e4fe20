import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const script = fileURLToPath(new URL('../bench/ask.lua', import.meta.url))

export interface LoadOptions {
  /** Where the server is, without a path. */
  readonly url: string
  /** The `cookie` header of each user, who ask one after another; empty for a visitor. */
  readonly cookies: readonly string[]
  readonly connections: number
  readonly seconds: number
}

export interface LoadResult {
  readonly requests: number
  readonly seconds: number
  readonly p99Ms: number
}

/**
 * Asks for the report as fast as it is answered, with wrk: a client in Node needs more computing time for a
 * request than the server that is measured, and would be what is measured.
 *
 * @throws an Error when a request fails, and one that says what to install when there is no wrk
 */
export async function load({ url, cookies, connections, seconds }: LoadOptions): Promise<LoadResult> {
  const folder = await mkdtemp(join(tmpdir(), 'stayfast-bench-'))
  try {
    const users = join(folder, 'cookies')
    await writeFile(users, `${cookies.join('\n')}\n`)
    const settings = ['-t', '1', '-c', String(connections), '-d', `${seconds}s`, '-s', script]
    const { stdout } = await run('wrk', [...settings, url, '--', users]).catch((error: unknown) => {
      throw isMissing(error)
        ? new Error('The load comes from wrk, which is not on the PATH: apt-get install wrk (macOS: brew).')
        : error
    })
    return read(stdout)
  } finally {
    await rm(folder, { recursive: true })
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

function read(output: string): LoadResult {
  const line = /^result (.+)$/m.exec(output)?.[1]
  if (line === undefined) throw new Error(`wrk told no result:\n${output}`)
  const { failed, ...result } = JSON.parse(line) as LoadResult & { readonly failed: number }
  if (failed > 0) throw new Error(`${failed} requests failed`)
  return result
}
