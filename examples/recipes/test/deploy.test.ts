import { startRedisServer } from '@stayfast/test-kit'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { root, startRecipe } from './start-recipe.js'

interface Variable {
  key: string
  value?: string
  sync?: boolean
  generateValue?: boolean
}

interface Service {
  type: string
  runtime: string
  buildCommand: string
  startCommand: string
  healthCheckPath: string
  maxShutdownDelaySeconds: number
  envVars: Variable[]
}

const read = (file: string): Promise<string> => readFile(join(root, 'examples/recipes', file), 'utf8')
const { services } = parse(await read('deploy/render.yaml')) as { services: Service[] }
const [render] = services
const railway = JSON.parse(await read('deploy/railway.json')) as {
  build: { buildCommand: string }
  deploy: { startCommand: string; healthcheckPath: string; drainingSeconds: number }
}
const variables = render?.envVars ?? []

t.test('both files start the same program, which exists, and ask the same path', async (t) => {
  t.match(render, { type: 'web', runtime: 'node', startCommand: railway.deploy.startCommand })
  t.equal(render?.healthCheckPath, railway.deploy.healthcheckPath)
  t.equal(render?.buildCommand, railway.build.buildCommand)
  t.ok(existsSync(join(root, railway.deploy.startCommand.replace(/^node /, ''))))
  // drainDelayMs + requestsWithinMs + closeWithinMs of health.
  t.ok((render?.maxShutdownDelaySeconds ?? 0) > 20)
  t.ok(railway.deploy.drainingSeconds > 20)
})

t.test('the README names every variable, and a secret stands in no file', async (t) => {
  const readme = await read('README.md')
  for (const { key, value, sync, generateValue } of variables) {
    t.ok(readme.includes(`| \`${key}\``), key)
    if (/URL|SECRET/.test(key)) t.ok(value === undefined && (sync === false || generateValue === true), key)
  }
})

t.test(
  'with these variables it is ready on a Redis like Upstash, and believes its proxies alone',
  async (t) => {
    const server = await startRedisServer({ upstashLike: true, password: 'secret' }, t)
    const { process, ask } = await startRecipe(t, 'deploy', {
      ...Object.fromEntries(variables.map(({ key, value }) => [key, value])),
      REDIS_URL: server.url,
      SESSION_SECRET: 'a secret of at least thirty-two characters',
    })
    t.equal((await ask(render?.healthCheckPath ?? '')).status, 200)
    t.match((await ask('/api/v1/health')).body, { status: 'ok', redis: { status: 'healthy' } })
    const login = await ask('/login', {
      body: { userId: 'ann', tenantId: 'one', roles: [] },
      // What a client sent, the client, the first proxy; the second one is who connects.
      headers: { 'x-forwarded-for': '10.9.9.9, 192.0.2.7, 198.51.100.1', 'x-forwarded-proto': 'https' },
    })
    t.equal(login.status, 200)
    t.match(login.headers.get('set-cookie'), /^__Host-sid=.*; Secure/)
    await process.waitForLine((line) => line.includes('"remoteAddress":"192.0.2.7"'))
  },
)
