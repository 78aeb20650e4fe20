import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/**
 * Debian's redis-tools holds the server too: `redis-check-rdb` is the same program, which goes by the name it is
 * called by. The package redis-server adds that name and a service, which would run from now on; we want none.
 */
const packageName = 'redis-tools'
const serverUnderAnotherName = 'redis-check-rdb'

export async function hasApt(): Promise<boolean> {
  return execute('apt-get', ['--version']).then(
    () => true,
    () => false,
  )
}

/** As root: the package, and the server's own name in the first of these folders that can be made. */
export async function installWithApt(folders: readonly string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  await execute('apt-get', ['update'], { env })
  await execute('apt-get', ['install', '-y', '--no-install-recommends', packageName], { env })
  await intoFirst(folders, async (folder) => {
    await mkdir(join(folder, 'bin'))
    await symlink(join('/usr/bin', serverUnderAnotherName), join(folder, 'bin', 'redis-server'))
  })
}

/** Without root: the package and the libraries it lacks, unpacked into a folder of this user's. */
export async function unpackWithApt(folders: readonly string[]): Promise<void> {
  await intoFirst(folders, async (folder) => {
    const lists = join(folder, 'lists')
    const archives = join(folder, 'archives')
    const root = join(folder, 'root')
    for (const made of [join(lists, 'partial'), join(archives, 'partial'), root]) {
      await mkdir(made, { recursive: true })
    }
    // Package lists of our own: the system's may be missing, and are not ours to write.
    const own = [`Dir::State::lists=${lists}`, `Dir::Cache=${archives}`, 'Debug::NoLocking=1']
    const options = own.flatMap((option) => ['-o', option])
    const apt = (program: string, args: readonly string[], cwd?: string): Promise<{ stdout: string }> =>
      execute(program, [...options, ...args], { cwd, maxBuffer: 64 * 1024 * 1024 })

    await apt('apt-get', ['update'])
    const { stdout } = await apt('apt-cache', ['depends', packageName])
    const libraries = [...stdout.matchAll(/^ *\|?Depends: ([^<\s]+)$/gm)].map(([, name = '']) => name)
    const missing = await Promise.all(
      libraries.map(async (name) => ((await isInstalled(name)) ? [] : [name])),
    )
    await apt('apt-get', ['download', packageName, ...missing.flat()], archives)
    for (const file of await readdir(archives)) {
      if (file.endsWith('.deb')) await execute('dpkg', ['-x', join(archives, file), root])
    }
    await rm(lists, { recursive: true })
    await rm(archives, { recursive: true })
    await writeLauncher(folder, root)
  })
}

/** A program that needs nothing in the environment, and works wherever the folder is moved to. */
async function writeLauncher(folder: string, root: string): Promise<void> {
  const libraries = new Set<string>()
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (/\.so(\.|$)/.test(entry.name)) libraries.add(relative(folder, entry.parentPath))
  }
  const launcher = join(folder, 'bin', 'redis-server')
  await mkdir(dirname(launcher))
  await symlink(serverUnderAnotherName, join(root, 'usr', 'bin', 'redis-server'))
  const path = [...libraries].map((library) => `$here/${library}`).join(':')
  await writeFile(
    launcher,
    `#!/bin/sh
here=\${0%/*}/..
LD_LIBRARY_PATH="${path}" exec "$here/root/usr/bin/redis-server" "$@"
`,
  )
  await chmod(launcher, 0o755)
}

async function isInstalled(name: string): Promise<boolean> {
  return execute('dpkg-query', ['-W', '-f=${db:Status-Status}', name]).then(
    ({ stdout }) => stdout === 'installed',
    () => false,
  )
}

/** Fills a folder beside its place and then moves it there, so that nobody finds half of it. */
async function intoFirst(folders: readonly string[], fill: (folder: string) => Promise<void>): Promise<void> {
  for (const [index, folder] of folders.entries()) {
    let beside: string
    try {
      await mkdir(dirname(folder), { recursive: true })
      beside = await mkdtemp(`${folder}-`)
    } catch (error) {
      // A home that cannot be written to, as the user nobody has.
      if (index === folders.length - 1) throw error
      continue
    }
    try {
      await fill(beside)
      await rm(folder, { recursive: true, force: true })
      await rename(beside, folder)
    } finally {
      await rm(beside, { recursive: true, force: true })
    }
    return
  }
}
