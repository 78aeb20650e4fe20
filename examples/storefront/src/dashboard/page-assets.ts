import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** What the page consists of. */
export interface PageAssets {
  /** The page itself, with places to fill. */
  page: string
  /** Where the files are found: changes with any of them, so that browsers may keep each for ever. */
  prefix: string
  /** The modules that the browser runs. */
  modules: readonly string[]
  /** The folders that hold the files, and what else lies there. */
  roots: readonly string[]
  notServed: readonly string[]
}

interface AssetFolder {
  root: string
  files: readonly string[]
}

const PAGE = 'dashboard.html'
const VERSION_LENGTH = 12

/** Reads what the page consists of: written by hand in `src`, compiled from TypeScript in `dist`. */
export function readPageAssets(): PageAssets {
  const written = folder('../../src/dashboard/page/', /\.(?:css|svg)$/)
  const compiled = folder('./browser/', /\.js$/)
  const hash = createHash('sha256')
  for (const { root, files } of [written, compiled]) {
    for (const file of files)
      hash
        .update(file)
        .update('\0')
        .update(readFileSync(`${root}${file}`))
  }
  const version = hash.digest('base64url').slice(0, VERSION_LENGTH)
  return {
    page: readFileSync(`${written.root}${PAGE}`, 'utf8'),
    prefix: `/dashboard/assets/${version}/`,
    modules: compiled.files,
    roots: [written.root, compiled.root],
    notServed: ['**/*.{html,ts,map,tsbuildinfo}'],
  }
}

function folder(path: string, wanted: RegExp): AssetFolder {
  const root = fileURLToPath(new URL(path, import.meta.url))
  const files = readdirSync(root).filter((file) => wanted.test(file))
  return { root, files: files.sort() }
}
