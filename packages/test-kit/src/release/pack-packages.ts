import { unpack } from '@publint/pack'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { property } from '../suites/find-suites.js'
import { pnpm } from './pnpm.js'

/** A package as a registry would get it. */
export interface PackedPackage {
  name: string
  /** Where its sources are. */
  folder: string
  /** The tarball's path. */
  tarball: string
  /** What the tarball holds, by path inside the package. */
  files: ReadonlyMap<string, Uint8Array>
  /** The manifest inside the tarball, in which ranges of the workspace have become versions. */
  manifest: unknown
}

/**
 * Packs each package of `packages/` that is not private.
 *
 * @param root the workspace's folder
 * @param into where the tarballs go
 * @throws an Error with what pnpm said when a package cannot be packed
 */
export async function packPackages(root: string, into: string): Promise<PackedPackage[]> {
  const published = await findPublished(root)
  const filters = published.flatMap(({ name }) => ['--filter', name])
  await pnpm(['--recursive', ...filters, 'pack', '--pack-destination', into], { cwd: root })
  return Promise.all(
    published.map(async ({ name, folder, version }) => {
      const tarball = join(into, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`)
      const { files, rootDir } = await unpack(new Uint8Array(await readFile(tarball)))
      const byPath = new Map(files.map((file) => [file.name.slice(rootDir.length + 1), file.data]))
      const manifest: unknown = JSON.parse(decode(byPath.get('package.json')))
      return { name, folder, tarball, files: byPath, manifest }
    }),
  )
}

/** A file of a tarball as text; what is not there is empty. */
export function decode(data: Uint8Array | undefined): string {
  return new TextDecoder().decode(data)
}

interface Published {
  name: string
  version: string
  folder: string
}

async function findPublished(root: string): Promise<Published[]> {
  const published: Published[] = []
  for (const entry of (await readdir(join(root, 'packages'))).sort()) {
    const folder = join(root, 'packages', entry)
    const manifest: unknown = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
    if (property(manifest, 'private') === true) continue
    const [name, version] = [String(property(manifest, 'name')), String(property(manifest, 'version'))]
    published.push({ name, version, folder })
  }
  return published
}
