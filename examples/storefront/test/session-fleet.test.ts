import { eventually, startCluster, startRedisServer } from '@stayfast/test-kit'
import { type FastifyInstance } from 'fastify'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { openCatalogue } from '../dist/catalogue/open-catalogue.js'
import { openStorefront } from './open-storefront.js'
import { StorefrontClient } from './storefront-client.js'
import { tenantRoutes } from './tenant-routes.js'

const secret = 'the secret that signs until it is rotated'
const nextSecret = 'the secret that signs behind the rotation'
const instanceOf = (vendor: number): string => `00000000-0000-4000-8000-00000000000${vendor}`

// One catalogue for all the processes of a fleet, as a Postgres would be.
const database = await openCatalogue({ kind: 'memory' }, () => undefined)
t.teardown(() => database.close())

/** A Redis that keeps its data, and goes away and comes back. */
interface Rig {
  readonly environment: NodeJS.ProcessEnv
  readonly goAway: () => Promise<void>
  readonly comeBack: () => Promise<void>
}

async function onServer(t: Test, upstashLike: boolean): Promise<Rig> {
  const server = await startRedisServer({ appendOnly: true, upstashLike }, t)
  return {
    environment: { REDIS_URL: server.url },
    goAway: () => server.kill(),
    comeBack: () => server.restart({ keepData: true }),
  }
}

/** Nobody fails over: all come back as they were. */
async function onCluster(t: Test): Promise<Rig> {
  const rig = await startCluster({ nodeTimeoutMs: 15_000 }, t)
  const addresses = rig.nodes.map(({ host, port }) => `${host}:${port}`)
  return {
    environment: { REDIS_CLUSTER_NODES: addresses.join(',') },
    goAway: async () => {
      for (const node of rig.nodes) node.freeze()
      await Promise.resolve()
    },
    comeBack: async () => {
      for (const node of rig.nodes) node.thaw()
      await Promise.resolve()
    },
  }
}

const rigs: Readonly<Record<string, (t: Test) => Promise<Rig>>> = {
  'one server that is killed': (t) => onServer(t, false),
  'one database that is killed': (t) => onServer(t, true),
  'a Cluster that is frozen': onCluster,
}

/** Two processes agree with each other: each is asked. */
function bothUp(apps: readonly FastifyInstance[]): Promise<unknown> {
  return eventually(() => apps.every(({ redisConnection }) => redisConnection.status === 'up'), {
    withinMs: 15_000,
  })
}

for (const [name, start] of Object.entries(rigs)) {
  t.test(`on ${name} nobody is signed out but who signs out`, async (t) => {
    const rig = await start(t)
    const open = (secrets: string): Promise<FastifyInstance> =>
      openStorefront(t, { ...rig.environment, SESSION_SECRET: secrets }, database)
    const apps = [await open(secret), await open(secret)] as const
    await bothUp(apps)
    const [here, there] = apps

    const people = await Promise.all(
      [1, 2, 3].map((vendor) => new StorefrontClient(here, instanceOf(vendor)).open()),
    )
    const elsewhere = people.map((person) => person.at(there))
    for (const person of elsewhere) t.equal((await person.ask('GET', '/products')).statusCode, 200)

    const [vendor1 = people[0]] = people
    if (vendor1 === undefined) throw new Error('Three signed in.')
    const leaving = await new StorefrontClient(here, instanceOf(1)).open()
    const leavingLater = await new StorefrontClient(here, instanceOf(1)).open()
    t.equal((await leaving.send('POST', '/auth/logout')).statusCode, 204)
    t.equal((await leaving.at(there).ask('GET', '/products')).statusCode, 401)

    for (const { method, at } of await tenantRoutes(vendor1)) {
      const answer = await vendor1.at(there).send(method, at(instanceOf(2)))
      t.equal(answer.statusCode, 403, `${method} ${at('another vendor’s')}`)
    }

    const answers: number[] = []
    let running = true
    const load = [...people, ...elsewhere].map(async (person) => {
      while (running) {
        const answer = await person.ask('GET', '/products?limit=1')
        answers.push(answer.statusCode)
        if (answer.headers['set-cookie'] !== undefined) answers.push(NaN)
        await delay(5)
      }
    })
    await rig.goAway()
    await eventually(() => apps.every(({ redisConnection }) => redisConnection.status !== 'up'))
    t.equal((await leavingLater.send('POST', '/auth/logout')).statusCode, 204)
    t.equal((await leavingLater.ask('GET', '/products')).statusCode, 401, 'at once where it was said')
    await rig.comeBack()
    await bothUp(apps)
    await eventually(async () => (await leavingLater.at(there).ask('GET', '/products')).statusCode === 401)
    await eventually(async () => (await leaving.at(there).ask('GET', '/products')).statusCode === 401)
    running = false
    await Promise.all(load)
    t.strictSame(
      [...new Set(answers)].filter((status) => status !== 503),
      [200],
      'through all of it',
    )
    for (const person of [...people, ...elsewhere]) {
      t.equal((await person.ask('GET', '/products')).statusCode, 200)
    }
    for (const client of [leaving, leavingLater]) {
      t.equal((await client.ask('GET', '/products')).statusCode, 401, 'and nobody came back')
    }

    const rotated = await open(`${nextSecret},${secret}`)
    const behind = await open(nextSecret)
    await bothUp([rotated, behind])
    for (const person of people) {
      const again = await person.at(rotated).keepCookie('GET', '/auth/session')
      t.equal((await again.at(behind).ask('GET', '/products')).statusCode, 200, 'signed anew on the way')
    }
  })
}
