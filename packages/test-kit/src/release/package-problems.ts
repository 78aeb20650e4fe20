import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { filterProblems, problemKindInfo } from '@arethetypeswrong/core/problems'
import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { contentProblems } from './content-problems.js'
import { manifestProblems } from './manifest-problems.js'
import { decode, type PackedPackage } from './pack-packages.js'
import { publishRules } from './publish-rules.js'

/** How a consumer of an ES module finds its types; `require()` of it takes what `import` takes. */
const resolutions = ['node16-esm', 'bundler'] as const

/**
 * Everything that would be wrong with a package once it is published, a sentence each: its manifest, its files,
 * and what publint and attw say of them.
 *
 * @param license the text that each tarball has to bring
 */
export async function packageProblems(packed: PackedPackage, license: string): Promise<string[]> {
  const { folder, files, manifest } = packed
  const sources = await readdir(join(folder, 'src'), { recursive: true, withFileTypes: true })
  const paths = sources
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(folder, 'src').length + 1))
  return [
    ...manifestProblems(manifest, `packages/${basename(folder)}`, publishRules),
    ...contentProblems([...files.keys()], paths),
    ...(decode(files.get('LICENSE')) === license ? [] : ['its LICENSE is not the one of the repository']),
    ...(await publintProblems(packed)),
    ...(await typeProblems(packed)),
  ]
}

async function publintProblems({ files }: PackedPackage): Promise<string[]> {
  const pack = { files: [...files].map(([name, data]) => ({ name: `package/${name}`, data })) }
  const { messages, pkg } = await publint({ pkgDir: 'package', pack, strict: true })
  return messages.map(
    (message) => `publint: ${formatMessage(message, pkg, { color: false }) ?? message.code}`,
  )
}

async function typeProblems({ tarball }: PackedPackage): Promise<string[]> {
  const analysis = await checkPackage(createPackageFromTarballData(new Uint8Array(await readFile(tarball))))
  if (analysis.types === false) return ['attw: it has no types']
  const problems = resolutions.flatMap((resolutionKind) => filterProblems(analysis, { resolutionKind }))
  return [...new Set(problems)].map(({ kind }) => `attw: ${problemKindInfo[kind].shortDescription}`)
}
