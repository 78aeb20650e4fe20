import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** Every text that people are to read, without what others brought. */
async function texts(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  const found = await Promise.all(
    entries.map(async (entry): Promise<string[]> => {
      const path = join(folder, entry.name)
      if (entry.isDirectory())
        return /^(?:node_modules|docs|\.tap|\.git)$/.test(entry.name) ? [] : texts(path)
      return entry.name.endsWith('.md') ? [path] : []
    }),
  )
  return found.flat()
}

/** As GitHub names the headings of a text. */
function anchors(markdown: string): Set<string> {
  const headings = withoutCode(markdown).matchAll(/^#{1,6} (.*)$/gm)
  return new Set(
    [...headings].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replace(/\s/g, '-'),
    ),
  )
}

function withoutCode(markdown: string): string {
  return markdown.replace(/^```[\s\S]*?^```/gm, '')
}

t.test('every link inside the repository leads somewhere', async (t) => {
  const files = await texts(root)
  t.ok(files.length > 10, `${files.length} texts`)
  for (const file of files) {
    const markdown = await readFile(file, 'utf8')
    for (const [, link = ''] of withoutCode(markdown).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link)) continue
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? file : resolve(dirname(file), path)
      const name = `${relative(root, file)}: ${link}`
      if (!existsSync(target)) t.fail(name)
      else if (anchor !== undefined) {
        const text = await readFile(target.endsWith('.md') ? target : join(target, 'README.md'), 'utf8')
        t.ok(anchors(text).has(anchor), name)
      } else t.pass(name)
    }
  }
})

t.test('the files that the architecture names are there', async (t) => {
  const markdown = await readFile(join(root, '.github/ARCHITECTURE.md'), 'utf8')
  for (const [, name = '', cell = ''] of markdown.matchAll(/^\| `([a-z-]+)` +\| (`[^|]*)\|/gm)) {
    for (const [, path = ''] of cell.matchAll(/`([^`]+)`/g)) {
      t.ok(existsSync(join(root, 'packages', name, 'src', path)), `${name}: ${path}`)
    }
  }
  const kit = markdown.slice(markdown.indexOf('## redis-kit'), markdown.indexOf('### The states'))
  const named = [...kit.matchAll(/`([a-z-]+\.ts|plugin\/)`/g)].map(([, path = '']) => path)
  t.ok(named.length > 10)
  for (const path of named) t.ok(existsSync(join(root, 'packages/redis-kit/src', path)), path)
})
