import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { DataDirLock } from '../dist/catalogue/data-dir-lock.js'
import { openCatalogue } from '../dist/catalogue/open-catalogue.js'
import { Products } from '../dist/catalogue/products.js'

const open = (path: string): ReturnType<typeof openCatalogue> =>
  openCatalogue({ kind: 'directory', path }, () => undefined)

/** A process that lives until the test ends. */
async function neighbour(t: Test): Promise<number> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 60_000)'], { stdio: 'ignore' })
  await once(child, 'spawn')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  if (child.pid === undefined) throw new Error('a spawned process has an id')
  return child.pid
}

t.test('what is written is there when the next process opens the directory', async (t) => {
  const directory = t.testdir()
  const first = await open(directory)
  const added = await new Products(first).add('vendor-1', { name: 'Kept', priceCents: 1 })
  t.equal(added.id, 'p-1-1001')
  await first.close()
  const second = await open(directory)
  t.teardown(() => second.close())
  const products = new Products(second)
  t.match((await products.list('vendor-1', { limit: 5, search: 'Kept' })).items, [{ id: added.id }])
  t.equal((await products.add('vendor-1', { name: 'Next', priceCents: 1 })).id, 'p-1-1002')
})

t.test('what an interrupted first start left is thrown away', async (t) => {
  const directory = t.testdir({ postgres: { PG_VERSION: '17\n', base: {} } })
  const database = await open(directory)
  t.teardown(() => database.close())
  const [row] = await database.query('select count(*)::integer as products from storefront.products')
  t.equal(row?.['products'], 3_000)
})

t.test('a directory that a running process holds is refused, with what to do', async (t) => {
  const pid = await neighbour(t)
  const lock = `${pid} ${hostname()} 2026-01-01T00:00:00.000Z\n`
  const directory = t.testdir({ 'storefront.lock': lock })
  await t.rejects(open(directory), {
    code: 'SHOP_DATA_DIR_IN_USE',
    message: new RegExp(`process ${pid}.*DATABASE_URL`),
  })
  t.equal(await readFile(join(directory, 'storefront.lock'), 'utf8'), lock, 'and left as it is')
  t.same(await readdir(directory), ['storefront.lock'])
})

t.test('a lock of another machine is believed', async (t) => {
  const directory = t.testdir({ 'storefront.lock': `1 another-machine 2026-01-01T00:00:00.000Z\n` })
  await t.rejects(DataDirLock.acquire(directory), {
    code: 'SHOP_DATA_DIR_IN_USE',
    message: /another-machine.*delete/,
  })
})

t.test('the lock of a process that is gone is taken over at once', async (t) => {
  const child = spawn(process.execPath, ['-e', ''], { stdio: 'ignore' })
  await once(child, 'exit')
  for (const owner of [`${child.pid} ${hostname()}`, `${process.pid} ${hostname()}`, `x ${hostname()}`]) {
    const directory = t.testdir({ 'storefront.lock': `${owner} 2026-01-01T00:00:00.000Z\n` })
    const lock = await DataDirLock.acquire(directory)
    t.match(await readFile(join(directory, 'storefront.lock'), 'utf8'), new RegExp(`^${process.pid} `))
    await lock.release()
    t.same(await readdir(directory), [])
  }
})

t.test('a lock that somebody else holds by now is not released', async (t) => {
  const directory = t.testdir()
  const lock = await DataDirLock.acquire(directory)
  const path = join(directory, 'storefront.lock')
  await rm(path)
  await writeFile(path, 'another')
  await lock.release()
  t.equal(await readFile(path, 'utf8'), 'another')
})

t.test('a directory that cannot be one is refused with what to do', async (t) => {
  const directory = t.testdir({ file: '' })
  const cases = [
    { path: join(directory, 'file'), cause: 'EEXIST' },
    { path: join(directory, 'file', 'data'), cause: 'ENOTDIR' },
  ]
  for (const { path, cause } of cases) {
    await t.rejects(open(path), {
      code: 'SHOP_DATA_DIR_UNUSABLE',
      message: new RegExp(`${cause}.*DATA_DIR`),
      cause: { code: cause },
    })
  }
})
