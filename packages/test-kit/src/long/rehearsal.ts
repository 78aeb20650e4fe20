import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { promisify } from 'node:util'
import { packPackages } from '../release/pack-packages.js'
import { publishRules } from '../release/publish-rules.js'
import { pnpm } from '../release/pnpm.js'
import { consumerFiles, togetherFiles, writeFiles } from '../release/rehearsal/consumer.js'
import type { LongContext, LongPart, LongResult } from './long-part.js'

interface NodeProgram {
  version: string
  path: string
}

const execute = promisify(execFile)
const typescriptRange = '~6.0.3'
const programLimitMs = 120_000

/** What a first user of each package meets: installed from its tarball, with what it declares and nothing else. */
export function rehearsal(versions: readonly string[]): LongPart {
  return {
    name: 'rehearsal',
    about: `each package from its tarball, as ESM, CommonJS and TypeScript, on Node ${versions.join(', ')} and this one`,
    run: async (context) => {
      const folder = await mkdtemp(join(tmpdir(), 'stayfast-rehearsal-'))
      try {
        return await rehearse(folder, versions, context)
      } finally {
        await rm(folder, { recursive: true, force: true })
      }
    },
  }
}

async function rehearse(
  folder: string,
  versions: readonly string[],
  { root, env, say }: LongContext,
): Promise<LongResult[]> {
  await mkdir(join(folder, 'tarballs'))
  const packed = await packPackages(root, join(folder, 'tarballs'))
  const nodes = [{ version: process.versions.node, path: process.execPath }]
  for (const version of versions) nodes.push(await fetchNode(version, folder, env))
  say(`rehearsal: ${packed.length} tarballs; Node ${nodes.map(({ version }) => version).join(', ')}`)

  const results: LongResult[] = []
  const step = async (name: string, done: string, work: () => Promise<void>): Promise<void> => {
    const startedMs = performance.now()
    const problem = await work().then(() => undefined, describe)
    const seconds = (performance.now() - startedMs) / 1000
    say(`${name}: ${problem ?? done}, ${seconds.toFixed(0)} s`)
    results.push({ name, passed: problem === undefined, summary: problem ?? done, seconds })
  }

  for (const { name } of packed) {
    const project = join(folder, name)
    await step(name, 'installs, has its types, runs', async () => {
      await writeFiles(project, await consumerFiles(name, packed, typescriptRange))
      await pnpm(['install', '--ignore-workspace', '--prefer-offline'], { cwd: project, env })
      for (const resolution of ['nodenext', 'bundler']) {
        await run(
          process.execPath,
          ['node_modules/typescript/bin/tsc', '-p', `tsconfig.${resolution}.json`],
          project,
        )
      }
      await runOn(nodes, ['use.mjs', 'use.cjs'], project)
    })
  }
  const project = join(folder, 'together')
  await step('all of them, by npm', 'install beside each other, run', async () => {
    await writeFiles(project, togetherFiles(packed, publishRules.fastifyRange))
    await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline'], project)
    const files = packed.map(({ name }) => name.replace('@stayfast/', ''))
    await runOn(
      nodes,
      files.flatMap((file) => [`${file}.mjs`, `${file}.cjs`]),
      project,
    )
  })
  return results
}

/** The program of another version, which npx fetches from the registry. */
async function fetchNode(version: string, cwd: string, env: NodeJS.ProcessEnv): Promise<NodeProgram> {
  const print = 'process.versions.node + " " + process.execPath'
  const { stdout } = await execute('npx', ['-y', '-p', `node@${version}`, 'node', '-p', print], { cwd, env })
  const [full = '', path = ''] = stdout.trim().split(' ')
  return { version: full, path }
}

async function runOn(nodes: readonly NodeProgram[], files: readonly string[], cwd: string): Promise<void> {
  for (const { version, path } of nodes) {
    for (const file of files) {
      await run(path, [file], cwd).catch((error: unknown) => {
        throw new Error(`${file} on Node ${version}: ${describe(error)}`, { cause: error })
      })
    }
  }
}

/** @throws an Error with what the program wrote, when it fails or takes too long */
async function run(program: string, args: readonly string[], cwd: string): Promise<void> {
  await execute(program, args, { cwd, timeout: programLimitMs, maxBuffer: 64 * 1024 * 1024 })
}

/** Node puts what was written to stderr into the message, and TypeScript writes to stdout. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return `${error.message}\n${'stdout' in error ? String(error.stdout) : ''}`.trim()
}
