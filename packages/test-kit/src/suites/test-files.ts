import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Suite } from './find-suites.js'

const testFolder = 'test-dist'

/** A suite's compiled tests, from its folder, in the order of their names. */
export async function testFiles({ folder }: Suite): Promise<string[]> {
  const names = await readdir(join(folder, testFolder), { recursive: true }).catch((): string[] => [])
  const files = names
    .filter((name) => name.endsWith('.test.js'))
    .sort()
    .map((name) => join(testFolder, name))
  const left = await Promise.all(files.map((file) => hasLostItsSource(join(folder, file))))
  return files.filter((_file, index) => left[index] === false)
}

/** The compiler leaves what it made where a source was renamed or taken away. */
async function hasLostItsSource(file: string): Promise<boolean> {
  const map = `${file}.map`
  if (!existsSync(map)) return false
  const { sources } = JSON.parse(await readFile(map, 'utf8')) as { sources: string[] }
  return sources.some((source) => !existsSync(join(dirname(file), source)))
}
