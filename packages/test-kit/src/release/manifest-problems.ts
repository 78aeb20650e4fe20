import { property } from '../suites/find-suites.js'
import type { PublishRules } from './publish-rules.js'

const scriptsOfInstallers = ['preinstall', 'install', 'postinstall', 'prepare']
const rangesOfWorkspaces = /^(?:workspace|catalog|file|link|portal):/

/**
 * What is wrong with the manifest of a packed package, a sentence each.
 *
 * @param directory the package's folder below the repository's root
 */
export function manifestProblems(manifest: unknown, directory: string, rules: PublishRules): string[] {
  const { repositoryUrl, license, nodeRange } = rules
  const problems: string[] = []
  const expect = (right: boolean, problem: string): void => {
    if (!right) problems.push(problem)
  }
  const is = (path: string, wanted: unknown): void => {
    const found = path.split('.').reduce(property, manifest)
    const same = JSON.stringify(found) === JSON.stringify(wanted)
    expect(same, `${path} is ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`)
  }

  is('license', license)
  is('type', 'module')
  is('engines.node', nodeRange)
  is('repository', { type: 'git', url: repositoryUrl, directory })
  is('publishConfig.access', 'public')
  is('publishConfig.provenance', true)
  // A consumer's TypeScript takes the first condition that fits.
  is('exports', {
    '.': { types: './dist/index.d.ts', default: './dist/index.js' },
    './package.json': './package.json',
  })
  expect(isSentence(property(manifest, 'description')), 'description is no sentence')
  expect(words(property(manifest, 'keywords')).includes('stayfast'), 'keywords do not hold stayfast')
  for (const script of scriptsOfInstallers) {
    const runs = property(property(manifest, 'scripts'), script) !== undefined
    expect(!runs, `the script ${script} would run on the machines of those who install it`)
  }
  return [...problems, ...dependencyProblems(manifest, rules)]
}

function dependencyProblems(manifest: unknown, { fastifyRange }: PublishRules): string[] {
  const problems: string[] = []
  const dependencies = ranges(manifest, 'dependencies')
  const peers = ranges(manifest, 'peerDependencies')
  for (const [name, range] of [...dependencies, ...peers, ...ranges(manifest, 'optionalDependencies')]) {
    if (rangesOfWorkspaces.test(range))
      problems.push(`${name} is asked for as ${range}, which no registry knows`)
    if (!name.startsWith('@stayfast/')) continue
    if (!range.startsWith('^')) problems.push(`${name} is pinned to ${range}`)
    if (name !== '@stayfast/redis-kit') problems.push(`${name} is a plugin, which no package stands on`)
  }
  // Two copies of Fastify in one app do not know each other's decorators.
  if (dependencies.has('fastify')) problems.push('fastify is a dependency, not a peer')
  if (dependencies.has('fastify-plugin') && peers.get('fastify') !== fastifyRange) {
    problems.push(`a plugin has to ask for the peer fastify ${fastifyRange}`)
  }
  return problems
}

function ranges(manifest: unknown, kind: string): Map<string, string> {
  const entries = Object.entries(property(manifest, kind) ?? {})
  return new Map(entries.map(([name, range]) => [name, String(range)]))
}

function isSentence(value: unknown): boolean {
  return typeof value === 'string' && /^[A-Z@].{20,}\.$/.test(value)
}

function words(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}
