#!/usr/bin/env node
// Usage: check-packages. Packs what is to be published and tells what is wrong with it.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packPackages } from '../release/pack-packages.js'
import { packageProblems } from '../release/package-problems.js'

const root = fileURLToPath(new URL('../../../../', import.meta.url))
const folder = await mkdtemp(join(tmpdir(), 'stayfast-packages-'))
try {
  const packed = await packPackages(root, folder)
  const license = await readFile(join(root, 'LICENSE'), 'utf8')
  for (const each of packed) {
    const problems = await packageProblems(each, license)
    const words = problems.length === 0 ? `${each.files.size} files, fine` : problems.join('\n  ')
    process.stdout.write(`${each.name}: ${words}\n`)
    if (problems.length > 0) process.exitCode = 1
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}
