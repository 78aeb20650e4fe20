import { eventually, startRedisServer } from '@stayfast/test-kit'
import Fastify, { type FastifyInstance } from 'fastify'
import { register } from 'node:module'
import { MessageChannel } from 'node:worker_threads'
import t, { type Test } from 'tap'
import webhooks, { hmac, type WebhooksOptions } from '../dist/index.js'
import { openLink } from '@stayfast/link-test-kit'
import { signedEvent, testSecret } from './signed-event.js'

/** Holds the queue's code back until it is told to let it go, as a disk that is very slow. */
const slowDisk = `
let released
export function initialize({ port }) {
  released = new Promise((resolve) => port.once('message', resolve))
}
export async function load(url, context, next) {
  if (url.endsWith('/queue/bull-event-queue.js')) await released
  return next(url, context)
}`
const { port1: release, port2: port } = new MessageChannel()
register(`data:text/javascript,${encodeURIComponent(slowDisk)}`, {
  data: { port },
  transferList: [port],
})
t.teardown(() => {
  release.close()
})
const server = await startRedisServer({}, t)

interface Started {
  readonly app: FastifyInstance
  readonly handled: string[]
  readonly lines: () => string
}

async function startApp(t: Test, options: Partial<WebhooksOptions>): Promise<Started> {
  const lines: string[] = []
  const handled: string[] = []
  const stream = { write: (line: string) => void lines.push(line) }
  const app = Fastify({ pluginTimeout: 2000, logger: { level: 'info', stream } })
  app.register(webhooks, { providers: { generic: hmac({ secrets: testSecret }) }, env: false, ...options })
  app.after(() => {
    app.webhooks.on('generic', '*', ({ id }) => void handled.push(id))
  })
  t.teardown(() => app.close())
  await app.ready()
  return { app, handled, lines: () => lines.join('') }
}

t.test('a queue that is long in loading keeps no app from starting, nor from ending', async (t) => {
  const link = await openLink(t, server.url)
  const { app, lines, handled } = await startApp(t, { redis: link })
  t.match(lines(), 'still being loaded')
  const early = await app.inject(signedEvent({ id: '1' }))
  t.equal(early.statusCode, 503)
  t.equal(early.headers['retry-after'], '5')
  await t.rejects(app.webhooks.stats(), { code: 'STAY_WEBHOOK_UNAVAILABLE' })
  t.equal(await server.command('dbsize'), 0, 'nothing is claimed in vain')
  const ended = await startApp(t, { redis: link, keyPrefix: 'ended:' })
  await ended.app.close()

  release.postMessage('go on')
  await eventually(async () => (await app.inject(signedEvent({ id: '1' }))).statusCode === 202, {
    withinMs: 20_000,
  })
  await eventually(() => handled.length === 1)
  t.equal((await app.webhooks.stats()).queue.deadLetters, 0)
  const signsOfWorkers = await server.command('keys', '*:stalled-check')
  t.strictSame(signsOfWorkers, ['bull:webhooks:stalled-check'], 'the one that has ended starts none')
})
