import { startStopwatch } from '@stayfast/test-kit'
import type { RedisLink } from '@stayfast/redis-kit'
import Fastify, { type FastifyInstance } from 'fastify'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { Writable } from 'node:stream'
import type { Test } from 'tap'
import redisConnection, { type RedisConnectionOptions } from '../../dist/index.js'

/** A line of the app's log. */
export interface LogLine {
  readonly level: number
  readonly msg: string
  readonly code?: string
}

/** An app with redis-connection, and what a test asks of it. */
export interface TestApp {
  readonly app: FastifyInstance
  readonly link: RedisLink
  /** What the log holds, as text. */
  readonly log: string[]
  /** Lines of level warn and above, or with `info` all of them, without Fastify's own. */
  readonly lines: (level?: 'info' | 'warn') => string[]
}

/** What was rejected while nobody looked, as would end an app; to be asked at the end of a test. */
export function unhandledRejections(t: Test): readonly string[] {
  const unhandled: string[] = []
  const note = (reason: unknown): unknown => unhandled.push(String(reason))
  process.on('unhandledRejection', note)
  t.teardown(() => {
    process.off('unhandledRejection', note)
  })
  return unhandled
}

/** Starts an app with the plugin; it does not look at this process's environment. */
export async function startApp(
  t: Test,
  options: RedisConnectionOptions,
  prepare: (app: FastifyInstance) => unknown = () => undefined,
): Promise<TestApp> {
  const log: string[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      log.push(...chunk.toString('utf8').trimEnd().split('\n'))
      done()
    },
  })
  const app = Fastify({ logger: { level: 'trace', stream } })
  t.teardown(() => app.close())
  await prepare(app)
  await app.register(redisConnection, { env: false, ...options })
  await app.ready()
  return {
    app,
    get link() {
      return app.redisConnection.link()
    },
    log,
    lines: (level = 'warn') =>
      log
        .map((line): LogLine => JSON.parse(line) as LogLine)
        .filter((line) => line.level >= (level === 'warn' ? 40 : 30))
        .map(({ msg }) => msg),
  }
}

/** Resolves with the milliseconds it took until the link has that status; rejects after `withinMs`. */
export function reaches(link: RedisLink, status: RedisLink['status'], withinMs = 5000): Promise<number> {
  const elapsedMs = startStopwatch()
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      stop()
      const cause = 'cause' in link.state ? ` (${link.state.cause.message})` : ''
      reject(new Error(`The link is ${link.status}${cause} and not ${status} after ${withinMs} ms.`))
    }, withinMs)
    const settle = (): void => {
      if (link.status !== status) return
      clearTimeout(timer)
      stop()
      resolve(elapsedMs())
    }
    const stop = link.onChange(settle)
    settle()
  })
}

/** Resolves with the milliseconds it took until the link has left `up`. */
export function leavesUp(link: RedisLink, withinMs = 5000): Promise<number> {
  const elapsedMs = startStopwatch()
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      stop()
      reject(new Error(`The link is still up after ${withinMs} ms.`))
    }, withinMs)
    const settle = (): void => {
      if (link.status === 'up') return
      clearTimeout(timer)
      stop()
      resolve(elapsedMs())
    }
    const stop = link.onChange(settle)
    settle()
  })
}

/** The error a promise rejects with, and how long it took in milliseconds. */
export async function rejection(
  promise: Promise<unknown>,
): Promise<{ readonly error: unknown; readonly tookMs: number }> {
  const elapsedMs = startStopwatch()
  try {
    await promise
  } catch (error) {
    return { error, tookMs: elapsedMs() }
  }
  throw new Error('The promise was expected to reject.')
}

/** What a request sees that reads and writes, and how long it waits. */
export async function request(
  link: RedisLink,
): Promise<{ readonly outcome: string; readonly tookMs: number }> {
  const elapsedMs = startStopwatch()
  const outcome = await link
    .run(async (client) => {
      await client.set('request', '1')
      return client.get('request')
    })
    .then(
      (value) => `value ${value}`,
      (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
    )
  return { outcome, tookMs: elapsedMs() }
}

/** A server that does with each connection what the test says. */
export async function listen(t: Test, onConnection: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    sockets.add(socket)
    onConnection(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('A server of TCP has a port.')
  return address.port
}
