import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { DataDirInUseError } from '../errors.js'

/**
 * The file that says which process owns a data directory: two embedded Postgres on one directory destroy it.
 *
 * The file is written aside and linked into place, so that it is never seen half written. A lock whose process
 * is gone (a crash, a kill) is moved away and taken over at once. A process on another machine cannot be asked
 * whether it lives, so its lock is always believed.
 */
export class DataDirLock {
  readonly #path: string
  readonly #content: string

  private constructor(path: string, content: string) {
    this.#path = path
    this.#content = content
  }

  /** Takes the lock, or throws `SHOP_DATA_DIR_IN_USE`. */
  static async acquire(directory: string): Promise<DataDirLock> {
    const path = join(directory, 'storefront.lock')
    const content = `${process.pid} ${hostname()} ${new Date().toISOString()}\n`
    const aside = `${path}.${process.pid}`
    await writeFile(aside, content)
    try {
      for (;;) {
        if (await linked(aside, path)) return new DataDirLock(path, content)
        const found = await contentOf(path)
        if (found === undefined) continue
        const owner = liveOwner(found)
        if (owner !== undefined) throw new DataDirInUseError(directory, owner, path)
        await removeStale(path, found)
      }
    } finally {
      await rm(aside, { force: true })
    }
  }

  /** Gives the directory back, unless somebody else has taken it over. */
  async release(): Promise<void> {
    if ((await contentOf(this.#path)) === this.#content) await rm(this.#path, { force: true })
  }
}

/** Two starting processes may both find the stale lock: the slower one must not move the new lock away. */
async function removeStale(path: string, stale: string): Promise<void> {
  const moved = `${path}.stale.${process.pid}`
  try {
    await rename(path, moved)
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return
    throw error
  }
  if ((await contentOf(moved)) !== stale) await linked(moved, path)
  await rm(moved, { force: true })
}

function liveOwner(content: string): string | undefined {
  const [pid = '', host = ''] = content.trim().split(' ')
  if (host !== hostname()) return `process ${pid} on ${host}`
  const id = Number(pid)
  if (!Number.isSafeInteger(id) || id <= 0) return undefined
  // The same number is this process after a restart in a container, where it is always 1.
  return id !== process.pid && isRunning(id) ? `process ${id}` : undefined
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return hasCode(error, 'EPERM')
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false
    throw error
  }
}

async function contentOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
