import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { findRedisServer } from '../dist/index.js'
import { lookForRedisServer } from '../dist/find-redis-server.js'
import { provideRedisServer } from '../dist/provide-redis-server.js'

/** A machine on which nothing is installed, as far as the search can see. */
function bareMachine(t: Test): string {
  const folder = t.testdir()
  const bare = { PATH: folder, XDG_CACHE_HOME: folder, TMPDIR: folder, REDIS_SERVER_BIN: '' }
  const before = { ...process.env }
  Object.assign(process.env, bare)
  t.teardown(() => {
    for (const name of Object.keys(bare)) {
      if (before[name] === undefined) Reflect.deleteProperty(process.env, name)
      else process.env[name] = before[name]
    }
  })
  return folder
}

async function program(path: string, text: string): Promise<void> {
  await writeFile(path, `#!/bin/sh\n${text}\n`)
  await chmod(path, 0o755)
}

t.test('the search finds a server and keeps it for the life of the process', async (t) => {
  const found = await findRedisServer()
  t.match(found, { path: /\//, version: /^\d+\.\d+\.\d+$/, flavour: /redis|valkey/ })
  bareMachine(t)
  t.equal(await findRedisServer(), found)
})

t.test('a server that is there is named and not installed', async (t) => {
  const { path, version } = await findRedisServer()
  const said: string[] = []
  await provideRedisServer((line) => said.push(line))
  t.strictSame(said, [`redis-server: found ${version} at ${path}`])
})

t.test('REDIS_SERVER_BIN comes before the PATH', async (t) => {
  const { path } = await findRedisServer()
  const folder = bareMachine(t)
  process.env['REDIS_SERVER_BIN'] = path
  t.match(await lookForRedisServer(), { path })
  process.env['REDIS_SERVER_BIN'] = join(folder, 'none')
  await t.rejects(lookForRedisServer(), { message: /no redis-server that runs here/ })
})

t.test('on the PATH a Valkey does as well, and what is no server is passed over', async (t) => {
  const folder = bareMachine(t)
  await program(join(folder, 'redis-server'), 'echo something else')
  await program(join(folder, 'valkey-server'), 'echo "Valkey server v=8.1.4 sha=00000000:0"')
  t.strictSame(await lookForRedisServer(), {
    path: join(folder, 'valkey-server'),
    version: '8.1.4',
    flavour: 'valkey',
  })
})

t.test('without a server and without apt-get the error names the command to run', async (t) => {
  bareMachine(t)
  t.equal(await lookForRedisServer(), undefined)
  await t.rejects(
    provideRedisServer(() => undefined),
    { message: /apt-get install redis-server.*brew install redis.*dnf install valkey/s },
  )
})

t.test('an apt-get that fails is an error with its cause and the command to run', async (t) => {
  const folder = bareMachine(t)
  await program(join(folder, 'apt-get'), '[ "$1" = --version ] || { echo no network >&2; exit 100; }')
  const said: string[] = []
  await t.rejects(
    provideRedisServer((line) => said.push(line)),
    { message: /brew install redis.*no network/s, cause: { code: 100 } },
  )
  t.strictSame(said, ['redis-server: none found, installing with apt-get …'])
})
