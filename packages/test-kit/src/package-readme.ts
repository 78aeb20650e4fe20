import { readFile } from 'node:fs/promises'

/** The tests that the tables of a section name as proofs. */
export interface Proofs {
  /** How many of its rows name any. */
  rows: number
  /** Rows that name none. */
  without: string[]
  /** Proofs that there is no test for. */
  missing: string[]
}

/** The README of a package, to be compared with what the package is. */
export class PackageReadme {
  readonly text: string
  readonly #folder: URL

  private constructor(folder: URL, text: string) {
    this.#folder = folder
    this.text = text
  }

  /** @param test - The `import.meta.url` of a compiled test of the package. */
  static async of(test: string): Promise<PackageReadme> {
    const folder = new URL('..', test)
    return new PackageReadme(folder, await readFile(new URL('README.md', folder), 'utf8'))
  }

  /** A file of the package. */
  read(path: string): Promise<string> {
    return readFile(new URL(path, this.#folder), 'utf8')
  }

  /**
   * What stands under a heading of the second level, without the padding of its tables.
   *
   * @throws RangeError when there is no such heading
   */
  section(title: string): string {
    const start = this.text.indexOf(`\n## ${title}\n`)
    if (start === -1) throw new RangeError(`The README has no section "${title}".`)
    const end = this.text.indexOf('\n## ', start + 1)
    return this.text.slice(start, end === -1 ? undefined : end).replace(/ {2,}/g, ' ')
  }

  /** Whether the app `test/apps/<name>.ts` stands in it as it is, in at most so many lines. */
  async shows(app: string, mostLines: number = Infinity): Promise<boolean> {
    const code = await this.read(`test/apps/${app}.ts`)
    return this.text.includes(`\`\`\`ts\n${code}\`\`\``) && code.trimEnd().split('\n').length <= mostLines
  }

  /**
   * The options that have no row with their default, each with what was looked for.
   *
   * @param words - By option, what stands for its default where it is told in words.
   */
  wrongDefaults(defaults: object, words: Readonly<Record<string, string>> = {}): string[] {
    const rows = this.section('Options').split('\n')
    return Object.entries<unknown>({ ...defaults }).flatMap(([name, value]) => {
      const shown = words[name] ?? asShown(value)
      const row = rows.find((line) => line.startsWith(`| \`${name}\` |`))
      return row?.includes(`| ${shown} |`) === true ? [] : [`${name}: ${shown}`]
    })
  }

  /** The error codes of `src/errors.ts` that begin so and have no heading. */
  async codesWithoutHeading(prefix: string): Promise<string[]> {
    const codes = (await this.read('src/errors.ts')).match(new RegExp(`${prefix}[A-Z_]+`, 'g')) ?? []
    const errors = this.section('Errors')
    return [...new Set(codes)].filter((code) => !errors.includes(`\n### ${code}\n`))
  }

  /** Looks for the tests that a section names in the last cells of its tables: `` `file`: name of the test ``. */
  async proofs(title: string): Promise<Proofs> {
    const proofs: Proofs = { rows: 0, without: [], missing: [] }
    for (const row of rowsOf(this.section(title))) {
      const named = row.split('|').at(-2)?.trim().split('; `') ?? []
      const parsed = named.map((proof) => /^`?([a-z-]+)`: (.+)$/.exec(proof))
      if (parsed.includes(null)) {
        proofs.without.push(row)
        continue
      }
      proofs.rows += 1
      for (const [proof, file = '', name = ''] of parsed.filter((match) => match !== null)) {
        if (!(await this.#hasTest(file, name))) proofs.missing.push(proof)
      }
    }
    return proofs
  }

  async #hasTest(file: string, name: string): Promise<boolean> {
    const path = file.endsWith('-contract') ? `test/${file}.ts` : `test/${file}.test.ts`
    const tests = await this.read(path).catch(() => '')
    // At an end of a text, for names may be made of parts: a comment with these words is no test.
    return (
      ["'", '"', '`', '} '].some((before) => tests.includes(`${before}${name}`)) ||
      ["'", '"', '`', ' ${'].some((after) => tests.includes(`${name}${after}`))
    )
  }
}

/** Without what Prettier does to align the tables. */
export function unaligned(markdown: string): string {
  return markdown.replace(/ {2,}/g, ' ').replace(/-{3,}/g, '---')
}

function asShown(value: unknown): string {
  if (Array.isArray(value) && value.length === 0) return 'none'
  return typeof value === 'string' ? `\`'${value}'\`` : `\`${JSON.stringify(value)}\``
}

/** Without the heads, which are followed by a rule. */
function rowsOf(section: string): string[] {
  const lines = section.split('\n')
  const isRule = (line: string | undefined): boolean => /^\|[ |-]+\|$/.test(line ?? '')
  return lines.filter((line, index) => line.startsWith('| ') && !isRule(line) && !isRule(lines[index + 1]))
}
