import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { property } from '../../suites/find-suites.js'
import { decode, type PackedPackage } from '../pack-packages.js'
import { commonJs, esModule, firstUses, type FirstUse } from './first-uses.js'

/** Files of a project that uses one package, by their path. */
export type ConsumerFiles = ReadonlyMap<string, string>

const compilerOptions = Object.freeze({
  target: 'ES2023',
  lib: ['ES2023'],
  types: ['node'],
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  noEmit: true,
})

/** What packages of others use and do not declare: their types cannot be read without it. */
const undeclaredByOthers = Object.freeze({
  '@fastify/session@11': { dependencies: { '@fastify/cookie': '*' } },
})

/**
 * A project of somebody who has installed one package and what its README tells to install beside it, and
 * nothing else: what the package uses and does not declare is not there.
 *
 * @param packed all packages, because they are not in the registry yet
 * @throws an Error when nobody has said what one does first with the package
 */
export async function consumerFiles(
  name: string,
  packed: readonly PackedPackage[],
  typescriptRange: string,
): Promise<ConsumerFiles> {
  const own = packed.find((each) => each.name === name)
  const use = firstUse(name)
  if (own === undefined) throw new Error(`${name} was not packed.`)
  const quickStart = firstCode(decode(own.files.get('README.md')))
  const files = new Map<string, string>()

  const programs = ['use.mts', 'use.cts']
  files.set('use.mjs', esModule(name, use))
  files.set('use.mts', esModule(name, use))
  files.set('use.cjs', commonJs(name, use, 'js'))
  files.set('use.cts', commonJs(name, use, 'ts'))
  if (quickStart !== undefined) {
    programs.push('quick-start.mts')
    files.set('quick-start.mts', quickStart)
    for (const beside of imports(quickStart).filter((each) => each.startsWith('./'))) {
      const source = beside.replace(/\.js$/, '.ts')
      files.set(source, await readFile(join(own.folder, 'test', 'apps', source), 'utf8'))
    }
  }
  const dependencies = dependenciesOf(own, packed, imports(`${quickStart ?? ''}\n${esModule(name, use)}`))
  files.set(
    'package.json',
    json({
      name: 'consumer',
      private: true,
      type: 'module',
      dependencies,
      devDependencies: { '@types/node': '^20.19.0', typescript: typescriptRange },
      pnpm: { overrides: tarballs(packed), packageExtensions: undeclaredByOthers },
    }),
  )
  // Nothing can be found that is not declared, and peers are for the project to install.
  files.set('.npmrc', 'hoist=false\nauto-install-peers=false\nstrict-peer-dependencies=true\n')
  files.set(
    'tsconfig.nodenext.json',
    json({
      compilerOptions: { ...compilerOptions, module: 'nodenext' },
      files: programs,
    }),
  )
  files.set(
    'tsconfig.bundler.json',
    json({
      compilerOptions: { ...compilerOptions, module: 'esnext', moduleResolution: 'bundler' },
      files: programs.filter((file) => !file.endsWith('.cts')),
    }),
  )
  return files
}

/** A project that uses all packages, as npm lays them out. */
export function togetherFiles(packed: readonly PackedPackage[], fastifyRange: string): ConsumerFiles {
  return new Map([
    [
      'package.json',
      json({
        name: 'together',
        private: true,
        type: 'module',
        dependencies: { ...tarballs(packed), fastify: fastifyRange },
      }),
    ],
    ...packed.flatMap(({ name }): [string, string][] => {
      const file = name.replace('@stayfast/', '')
      return [
        [`${file}.mjs`, esModule(name, firstUse(name))],
        [`${file}.cjs`, commonJs(name, firstUse(name), 'js')],
      ]
    }),
  ])
}

export async function writeFiles(folder: string, files: ConsumerFiles): Promise<void> {
  for (const [path, text] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
}

function firstUse(name: string): FirstUse {
  const use = firstUses[name]
  if (use === undefined) throw new Error(`first-uses.ts does not say what one does first with ${name}.`)
  return use
}

/** What the code imports, at the range that the package itself is developed against. */
function dependenciesOf(
  own: PackedPackage,
  packed: readonly PackedPackage[],
  imported: readonly string[],
): Record<string, string> {
  const known = ['devDependencies', 'dependencies', 'peerDependencies'].flatMap((kind) =>
    Object.entries(property(own.manifest, kind) ?? {}),
  )
  const ranges = { ...Object.fromEntries(known), ...tarballs(packed) }
  const names = imported.filter((each) => !/^(?:\.|node:)/.test(each))
  return Object.fromEntries(
    names.map((each) => {
      const range: unknown = ranges[each]
      if (typeof range === 'string') return [each, range]
      throw new Error(`The quick start of ${own.name} imports ${each}, which its package.json does not name.`)
    }),
  )
}

function tarballs(packed: readonly PackedPackage[]): Record<string, string> {
  return Object.fromEntries(packed.map(({ name, tarball }) => [name, `file:${tarball}`]))
}

function imports(code: string): string[] {
  return [...new Set([...code.matchAll(/(?:from|import) '([^']+)'/g)].map(([, name = '']) => name))]
}

function firstCode(markdown: string): string | undefined {
  return /```ts\n([\s\S]*?)```/.exec(markdown)?.[1]
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
