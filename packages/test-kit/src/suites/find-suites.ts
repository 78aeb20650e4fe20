import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface Suite {
  /** The package's name without its scope. */
  name: string
  folder: string
  /** Percentage of lines, below which the run fails. */
  coverageFloor: number | undefined
  /** Its budget. Longer is said, and no failure: a slow machine is none; twice as long ends the suite. */
  minutes: number
}

const workspaceFolders = ['packages', 'examples']
const defaultMinutes = 5

/**
 * Each package of the workspace whose manifest says under `stayfast` how its tests are run.
 *
 * @param wanted names, with or without the scope; all when empty
 * @throws an Error when a wanted package has no suite
 */
export async function findSuites(root: string, wanted: readonly string[] = []): Promise<Suite[]> {
  const suites: Suite[] = []
  for (const group of workspaceFolders) {
    const names = existsSync(join(root, group)) ? await readdir(join(root, group)) : []
    for (const name of names.sort()) {
      const suite = await readSuite(join(root, group, name))
      if (suite) suites.push(suite)
    }
  }
  if (wanted.length === 0) return suites
  return wanted.map((name) => {
    const suite = suites.find((known) => known.name === withoutScope(name))
    if (suite) return suite
    throw new Error(`No suite is called ${name}; there are ${suites.map((known) => known.name).join(', ')}.`)
  })
}

async function readSuite(folder: string): Promise<Suite | undefined> {
  const path = join(folder, 'package.json')
  if (!existsSync(path)) return undefined
  const manifest: unknown = JSON.parse(await readFile(path, 'utf8'))
  const settings = property(manifest, 'stayfast')
  if (settings === undefined) return undefined
  const minutes = property(settings, 'minutes')
  const coverageFloor = property(settings, 'coverageFloor')
  return {
    name: withoutScope(String(property(manifest, 'name'))),
    folder,
    coverageFloor: typeof coverageFloor === 'number' ? coverageFloor : undefined,
    minutes: typeof minutes === 'number' ? minutes : defaultMinutes,
  }
}

/** A property of something that came out of JSON. */
export function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

function withoutScope(name: string): string {
  return name.replace(/^@[^/]*\//, '')
}
