import { readFileSync } from 'node:fs'
import { Type } from 'typebox'
import { Value } from 'typebox/value'

const PackageFile = Type.Object({
  name: Type.String(),
  version: Type.String(),
  dependencies: Type.Object({ '@electric-sql/pglite': Type.String() }),
})

const file: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
const parsed = Value.Parse(PackageFile, file)

export const packageInfo: { name: string; version: string; pgliteVersion: string } = {
  name: parsed.name,
  version: parsed.version,
  pgliteVersion: parsed.dependencies['@electric-sql/pglite'],
}
