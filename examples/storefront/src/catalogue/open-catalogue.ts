import { PGlite } from '@electric-sql/pglite'
import { mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CatalogueSource } from '../config.js'
import { CatalogueLockedError, DataDirInUseError, DataDirUnusableError } from '../errors.js'
import { DataDirLock } from './data-dir-lock.js'
import type { Database, Queryable } from './database.js'
import { generateCatalogue } from './generate.js'
import { loadCatalogue } from './load-catalogue.js'
import { PgliteDatabase } from './pglite-database.js'
import { peopleStatements } from './schema.js'
import { readSnapshot } from './snapshot.js'

const LOAD_LOCK = 7_305_226_117
const PEOPLE_LOCK = 7_305_226_118
const LOAD_WAIT_SECONDS = 60
const LOAD_POLL_MS = 100

/** Opens the catalogue where the configuration says it is; an empty place gets the demo catalogue. */
export async function openCatalogue(
  source: CatalogueSource,
  onBrokenConnection: (error: Error) => void,
): Promise<Database> {
  const database = await openLoaded(source, onBrokenConnection)
  try {
    await makeRoomForPeople(database)
    return database
  } catch (error) {
    await database.close()
    throw error
  }
}

/** Tables that are made "if not exists" by two processes at once still collide, hence the lock. */
async function makeRoomForPeople(database: Database): Promise<void> {
  await database.transaction(async (transaction) => {
    await transaction.query('select pg_advisory_xact_lock($1::bigint)', [PEOPLE_LOCK])
    for (const statement of peopleStatements) await transaction.query(statement)
  })
}

async function openLoaded(
  source: CatalogueSource,
  onBrokenConnection: (error: Error) => void,
): Promise<Database> {
  switch (source.kind) {
    case 'memory':
      return new PgliteDatabase(await PGlite.create({ loadDataDir: await readSnapshot() }))
    case 'directory':
      return openDirectory(source.path)
    case 'postgres':
      return openPostgres(source.url, onBrokenConnection)
  }
}

async function openDirectory(directory: string): Promise<Database> {
  const lock = await lockDirectory(directory)
  try {
    const database = new PgliteDatabase(await openKept(directory))
    return {
      query: (sql, parameters) => database.query(sql, parameters),
      transaction: (work) => database.transaction(work),
      close: async () => {
        await database.close()
        await lock.release()
      },
    }
  } catch (error) {
    await lock.release()
    throw error
  }
}

async function lockDirectory(directory: string): Promise<DataDirLock> {
  try {
    await mkdir(directory, { recursive: true })
    return await DataDirLock.acquire(directory)
  } catch (error) {
    if (error instanceof DataDirInUseError || !(error instanceof Error)) throw error
    throw new DataDirUnusableError(directory, error.message, { cause: error })
  }
}

/** The mark is written after the snapshot is unpacked: without it, what lies there is the rest of a crash. */
async function openKept(directory: string): Promise<PGlite> {
  const dataDir = join(directory, 'postgres')
  const mark = join(directory, 'postgres.loaded')
  if (await isThere(mark)) return PGlite.create({ dataDir })
  await rm(dataDir, { recursive: true, force: true })
  const pglite = await PGlite.create({ dataDir, loadDataDir: await readSnapshot() })
  await writeFile(mark, '')
  return pglite
}

async function openPostgres(url: string, onBrokenConnection: (error: Error) => void): Promise<Database> {
  // Its client is loaded where there is something to connect to.
  const { PostgresDatabase } = await import('./postgres-database.js')
  const database = new PostgresDatabase(url, onBrokenConnection)
  try {
    for (let waitedMs = 0; !(await ensureLoaded(database)); waitedMs += LOAD_POLL_MS) {
      if (waitedMs >= LOAD_WAIT_SECONDS * 1000) throw new CatalogueLockedError(LOAD_WAIT_SECONDS)
      await sleep(LOAD_POLL_MS)
    }
    return database
  } catch (error) {
    await database.close()
    throw error
  }
}

/**
 * Whether the catalogue is there, loaded now if need be. False while another process is loading it: tables
 * and rows come in one transaction under an advisory lock, so that a table that is seen is a full one.
 */
async function ensureLoaded(database: Database): Promise<boolean> {
  if (await isLoaded(database)) return true
  return database.transaction(async (transaction) => {
    const [lock] = await transaction.query('select pg_try_advisory_xact_lock($1::bigint) as taken', [
      LOAD_LOCK,
    ])
    if (lock?.['taken'] !== true) return false
    if (!(await isLoaded(transaction))) await loadCatalogue(transaction, generateCatalogue())
    return true
  })
}

async function isLoaded(database: Queryable): Promise<boolean> {
  const [row] = await database.query(`select to_regclass('storefront.vendors') is not null as loaded`)
  return row?.['loaded'] === true
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch {
    return false
  }
}
