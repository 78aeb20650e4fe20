import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { packPackages, type PackedPackage } from '../dist/release/pack-packages.js'
import { packageProblems } from '../dist/release/package-problems.js'
import { publishRules } from '../dist/release/publish-rules.js'
import { consumerFiles, togetherFiles } from '../dist/release/rehearsal/consumer.js'

const manifest = {
  name: '@stayfast/session',
  version: '1.2.3',
  description: 'Fastify plugin that stands for one in this test.',
  keywords: ['stayfast'],
  repository: { type: 'git', url: publishRules.repositoryUrl, directory: 'packages/session' },
  license: publishRules.license,
  type: 'module',
  engines: { node: publishRules.nodeRange },
  exports: {
    '.': { types: './dist/index.d.ts', default: './dist/index.js' },
    './package.json': './package.json',
  },
  files: ['dist'],
  publishConfig: { access: 'public', provenance: true },
  dependencies: { 'fastify-plugin': '^5.0.0', '@stayfast/redis-kit': 'workspace:^' },
  peerDependencies: { fastify: publishRules.fastifyRange },
}
const readme =
  "# @stayfast/session\n\n```ts\nimport session from '@stayfast/session'\nimport Fastify from 'fastify'\n```\n"
const kit = {
  ...manifest,
  name: '@stayfast/redis-kit',
  repository: { ...manifest.repository, directory: 'packages/redis-kit' },
  dependencies: {},
}

/** Packs a workspace of two packages and a private one, and what a test adds to it or takes away. */
async function pack(
  t: Test,
  changes: Readonly<Record<string, string | undefined>> = {},
): Promise<{ packed: PackedPackage[]; problems: Record<string, string[]> }> {
  const root = await mkdtemp(join(tmpdir(), 'stayfast-packages-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  const files: Readonly<Record<string, string | undefined>> = {
    'package.json': '{ "name": "shop", "private": true }',
    'pnpm-workspace.yaml': 'packages:\n  - packages/*\n',
    LICENSE: 'Do as you like.\n',
    'packages/private/package.json': '{ "name": "@stayfast/private", "version": "0.0.0", "private": true }',
    ...packageFiles('redis-kit', kit),
    ...packageFiles('session', manifest),
    ...changes,
  }
  for (const [path, text] of Object.entries(files)) {
    if (text === undefined) continue
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
  }
  // As an install would, from where pnpm learns the version.
  await mkdir(join(root, 'packages/session/node_modules/@stayfast'), { recursive: true })
  await symlink('../../../redis-kit', join(root, 'packages/session/node_modules/@stayfast/redis-kit'))
  await mkdir(join(root, 'tarballs'))
  const packed = await packPackages(root, join(root, 'tarballs'))
  const license = await readFile(join(root, 'LICENSE'), 'utf8')
  const problems: Record<string, string[]> = {}
  for (const each of packed) problems[each.name] = await packageProblems(each, license)
  return { packed, problems }
}

function packageFiles(name: string, own: object): Record<string, string> {
  const folder = `packages/${name}`
  return {
    [`${folder}/package.json`]: JSON.stringify(own),
    [`${folder}/README.md`]: readme,
    [`${folder}/src/index.ts`]: 'export const one: number = 1\n',
    [`${folder}/dist/index.js`]: 'export const one = 1\n',
    [`${folder}/dist/index.d.ts`]: 'export declare const one: number\n',
  }
}

t.test('a package as it should be has no problems, and a private one is not packed', async (t) => {
  const { packed, problems } = await pack(t)
  t.strictSame(problems, { '@stayfast/redis-kit': [], '@stayfast/session': [] })
  const session = packed.find(({ name }) => name === '@stayfast/session')
  t.match(session?.manifest, { dependencies: { '@stayfast/redis-kit': '^1.2.3' } })
  t.ok(session?.files.has('LICENSE'), "the repository's licence goes along")
})

t.test('what does not belong into a tarball is told, and what is missing', async (t) => {
  const { problems } = await pack(t, {
    'packages/session/dist/.tsbuildinfo': '{}',
    'packages/session/dist/index.js.map': '{}',
    'packages/session/dist/index.test.js': '',
    'packages/session/src/stores/late.ts': '',
    'packages/session/README.md': undefined,
    'packages/session/LICENSE': 'Do nothing.\n',
  })
  t.strictSame(problems['@stayfast/session']?.sort(), [
    'README.md is not in it',
    'dist/.tsbuildinfo is in it',
    'dist/index.js.map is in it',
    'dist/index.test.js is in it',
    'its LICENSE is not the one of the repository',
    'stores/late.ts is not built',
  ])
})

t.test('a manifest that would harm those who install it is told', async (t) => {
  const { problems } = await pack(t, {
    'packages/session/package.json': JSON.stringify({
      ...manifest,
      description: 'sessions',
      keywords: [],
      engines: { node: '>=18' },
      repository: { ...manifest.repository, directory: 'packages/elsewhere' },
      publishConfig: { access: 'restricted' },
      scripts: { postinstall: 'node setup.js' },
      dependencies: {
        ...manifest.dependencies,
        fastify: '^5.0.0',
        '@stayfast/health': '1.0.0',
        lost: 'file:../lost',
      },
      peerDependencies: {},
    }),
  })
  t.strictSame(
    problems['@stayfast/session']?.filter((problem) => !problem.startsWith('publint')),
    [
      'engines.node is ">=18", not ">=20.19"',
      'repository is {"type":"git","url":"git+https://github.com/stayfast/stayfast.git","directory":"packages/elsewhere"}, not {"type":"git","url":"git+https://github.com/stayfast/stayfast.git","directory":"packages/session"}',
      'publishConfig.access is "restricted", not "public"',
      'publishConfig.provenance is undefined, not true',
      'description is no sentence',
      'keywords do not hold stayfast',
      'the script postinstall would run on the machines of those who install it',
      '@stayfast/health is pinned to 1.0.0',
      '@stayfast/health is a plugin, which no package stands on',
      'lost is asked for as file:../lost, which no registry knows',
      'fastify is a dependency, not a peer',
      'a plugin has to ask for the peer fastify ^5.0.0',
    ],
  )
  t.match(
    problems['@stayfast/session']?.find((problem) => problem.startsWith('publint')),
    /lost/,
  )
})

t.test('types that are not where a consumer looks for them are told', async (t) => {
  const { problems } = await pack(t, {
    'packages/session/dist/index.d.ts': "export { one } from './nowhere'\n",
  })
  t.match(problems['@stayfast/session'], [/^attw: /])
  const without = await pack(t, { 'packages/session/dist/index.d.ts': undefined })
  t.ok(without.problems['@stayfast/session']?.includes('attw: it has no types'))
})

t.test('a package that cannot be packed says why', async (t) => {
  const dependencies = { '@stayfast/late': 'workspace:^' }
  const text = JSON.stringify({ ...manifest, dependencies })
  await t.rejects(pack(t, { 'packages/session/package.json': text }), {
    message: /pnpm .* pack .* failed:[^]*@stayfast\/late/,
  })
})

t.test('the rehearsal uses a package with what its README tells to install, and nothing else', async (t) => {
  const { packed } = await pack(t)
  const files = await consumerFiles('@stayfast/session', packed, '~6.0.3')
  t.match(JSON.parse(files.get('package.json') ?? ''), {
    dependencies: { '@stayfast/session': /^file:.*session-1\.2\.3\.tgz$/, fastify: '^5.0.0' },
    pnpm: { overrides: { '@stayfast/redis-kit': /^file:/ } },
  })
  t.equal(
    files.get('quick-start.mts'),
    "import session from '@stayfast/session'\nimport Fastify from 'fastify'\n",
  )
  t.match(files.get('use.cjs'), /const all = require\('@stayfast\/session'\)/)
  t.match(files.get('use.cts'), /import all = require\('@stayfast\/session'\)/)
  t.match(JSON.parse(files.get('tsconfig.bundler.json') ?? ''), { files: ['use.mts', 'quick-start.mts'] })
  t.match([...togetherFiles(packed, '^5.0.0').keys()], ['package.json', 'redis-kit.mjs', 'redis-kit.cjs'])
})

t.test('the rehearsal refuses a package that it does not know how to use', async (t) => {
  const { packed } = await pack(t)
  await t.rejects(consumerFiles('@stayfast/presence', packed, '~6.0.3'), {
    message: 'first-uses.ts does not say what one does first with @stayfast/presence.',
  })
})
