import { execFile } from 'node:child_process'
import { extname } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/**
 * Runs the pnpm that runs this program, else the one on the PATH.
 *
 * @returns what it wrote to stdout
 * @throws an Error with all that it wrote when it fails
 */
export async function pnpm(
  args: readonly string[],
  { cwd, env = process.env }: { cwd: string; env?: NodeJS.ProcessEnv },
): Promise<string> {
  const [program, first] = runningPnpm(env['npm_execpath'])
  try {
    const { stdout } = await execute(program, [...first, ...args], { cwd, env, maxBuffer: 64 * 1024 * 1024 })
    return stdout
  } catch (error) {
    // pnpm tells its failures on stdout.
    const said = error instanceof Error && 'stdout' in error ? String(error.stdout) : ''
    throw new Error(`pnpm ${args.join(' ')} failed:\n${said}`, { cause: error })
  }
}

/** npm, and whatever else runs scripts, sets the same variable. */
function runningPnpm(path: string | undefined): [program: string, args: readonly string[]] {
  if (path === undefined || !/pnpm[^/\\]*$/.test(path)) return ['pnpm', []]
  return /^\.[cm]?js$/.test(extname(path)) ? [process.execPath, [path]] : [path, []]
}
