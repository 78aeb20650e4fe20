import { PGlite } from '@electric-sql/pglite'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { SnapshotMissingError } from '../errors.js'
import { packageInfo } from '../package-info.js'
import { generateCatalogue } from './generate.js'
import { loadCatalogue } from './load-catalogue.js'
import { PgliteDatabase } from './pglite-database.js'

/** The compiled files that decide what is in a snapshot; when one changes, the snapshot is made anew. */
const INGREDIENTS = [
  'generate.js',
  'load-catalogue.js',
  'order-status.js',
  'schema.js',
  'seeded-random.js',
  'snapshot.js',
  'vendor-profiles.js',
]

const PREFIX = 'catalogue-'
const directory = new URL('../', import.meta.url)

/** Where the snapshot of this build is. The name holds the hash of what it is made of, so it is never stale. */
export function snapshotUrl(): URL {
  const hash = createHash('sha256').update(packageInfo.pgliteVersion)
  for (const ingredient of INGREDIENTS) hash.update(readFileSync(new URL(ingredient, import.meta.url)))
  return new URL(`${PREFIX}${hash.digest('hex').slice(0, 16)}.tar`, directory)
}

/** The snapshot of this build, for PGlite's `loadDataDir`. Throws `SHOP_SNAPSHOT_MISSING` before a build. */
export async function readSnapshot(): Promise<Blob> {
  try {
    return new Blob([await readFile(snapshotUrl())], { type: 'application/x-tar' })
  } catch (error) {
    throw new SnapshotMissingError({ cause: error })
  }
}

/** Makes the snapshot of this build, unless it is there, and removes those of earlier builds. */
export async function makeSnapshot(): Promise<{ made: boolean; path: string }> {
  const path = fileURLToPath(snapshotUrl())
  if (await exists(path)) return { made: false, path }
  const unfinished = `${path}.${process.pid}`
  await writeFile(unfinished, await dumpFreshDatabase())
  await rename(unfinished, path)
  for (const name of await readdir(directory)) {
    const other = fileURLToPath(new URL(name, directory))
    if (name.startsWith(PREFIX) && other !== path) await rm(other, { force: true })
  }
  return { made: true, path }
}

async function dumpFreshDatabase(): Promise<Uint8Array> {
  const pglite = await PGlite.create({
    // Small write-ahead segments: two of the default size would be half of the snapshot.
    initDbStartParams: ['--wal-segsize=1'],
    postgresqlconf: ['min_wal_size = 2MB', 'max_wal_size = 8MB', 'wal_recycle = off'],
  })
  try {
    await new PgliteDatabase(pglite).transaction((transaction) =>
      loadCatalogue(transaction, generateCatalogue()),
    )
    // Two thirds of the files of a new Postgres: nobody makes databases from them here.
    for (const template of ['template0', 'template1']) {
      await pglite.exec(`alter database ${template} is_template false`)
      await pglite.exec(`drop database ${template}`)
    }
    // Statistics for the planner, and no recovery to do after loading.
    await pglite.exec('vacuum analyze')
    await pglite.exec('checkpoint')
    // Unpacking a compressed snapshot costs more of the start than reading the larger file.
    const dump = await pglite.dumpDataDir('none')
    return new Uint8Array(await dump.arrayBuffer())
  } finally {
    await pglite.close()
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch {
    return false
  }
}
