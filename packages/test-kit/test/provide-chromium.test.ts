import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { provideChromium } from '../dist/index.js'

/** A machine on which nothing is installed but these programs. */
async function machine(t: Test, programs: Readonly<Record<string, string>>): Promise<string> {
  const folder = t.testdir()
  for (const [name, text] of Object.entries(programs)) {
    await writeFile(join(folder, name), `#!/bin/sh\n${text}\n`)
    await chmod(join(folder, name), 0o755)
  }
  const { PATH, CHROMIUM_BIN } = process.env
  Object.assign(process.env, { PATH: folder, CHROMIUM_BIN: '' })
  t.teardown(() => {
    Object.assign(process.env, { PATH, CHROMIUM_BIN: CHROMIUM_BIN ?? '' })
  })
  return folder
}

t.test('a browser that is there is taken, and nothing is said or installed', async (t) => {
  const folder = await machine(t, {
    'apt-get': 'exit 1',
    chromium: 'echo something else',
    'google-chrome': 'echo "Google Chrome 150.0.7871.100"',
  })
  const said: string[] = []
  const chrome = { path: join(folder, 'google-chrome'), version: '150.0.7871.100' }
  t.strictSame(await provideChromium((line) => said.push(line)), chrome)
  t.strictSame(said, [])
  process.env['CHROMIUM_BIN'] = join(folder, 'none')
  await t.rejects(
    provideChromium(() => undefined),
    { message: /no Chromium that runs here/ },
  )
})

t.test('without a browser the error names the command to run', async (t) => {
  await machine(t, {})
  await t.rejects(
    provideChromium(() => undefined),
    { message: /apt-get install chromium.*brew install --cask chromium/s },
  )
})

t.test('root gets one installed, or hears why not', async (t) => {
  const folder = await machine(t, {
    'apt-get':
      'case "$*" in *install*chromium*) echo "#!/bin/sh\necho Chromium 150.0.1" > "$0-made"; ' +
      '/bin/chmod +x "$0-made"; /bin/mv "$0-made" "${0%/*}/chromium";; esac',
  })
  t.teardown(intercept(t, 0))
  const said: string[] = []
  const installed = await provideChromium((line) => said.push(line))
  t.strictSame(installed, { path: join(folder, 'chromium'), version: '150.0.1' })
  t.match(said, [/none found, installing/, /installed 150/])

  await machine(t, { 'apt-get': '[ "$1" = --version ] || { echo no network >&2; exit 100; }' })
  await t.rejects(
    provideChromium(() => undefined),
    { message: /dnf install chromium.*no network/s, cause: { code: 100 } },
  )
})

t.test('who is not root gets nothing installed', async (t) => {
  await machine(t, { 'apt-get': 'exit 0' })
  t.teardown(intercept(t, 1000))
  await t.rejects(
    provideChromium(() => undefined),
    { message: /No Chromium was found/ },
  )
})

function intercept(t: Test, uid: number): () => Promise<void> {
  const { restore } = t.intercept(process, 'getuid', { value: () => uid })
  return async () => {
    restore()
  }
}
