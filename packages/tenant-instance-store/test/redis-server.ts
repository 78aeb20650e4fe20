import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'

interface Teardown {
  teardown(fn: () => Promise<void> | void): void
}

export interface RedisServer {
  readonly url: string
  readonly port: number
  freeze(): void
  thaw(): void
  kill(): Promise<void>
  countCommands(work: () => Promise<void>): Promise<Record<string, number>>
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

export async function startRedisServer(
  options: { readonly port?: number; readonly config?: Readonly<Record<string, string>> },
  t: Teardown,
): Promise<RedisServer> {
  const port = options.port ?? (await freePort())
  const directory = await mkdtemp(join(tmpdir(), 'instance-store-'))
  const child = spawn(
    'redis-server',
    [
      ...['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', directory],
      ...Object.entries(options.config ?? {}).flatMap(([name, value]) => [`--${name}`, value]),
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const exited = once(child, 'exit')
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await exited
  }
  t.teardown(async () => {
    await kill()
    await rm(directory, { recursive: true })
  })
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      if (chunk.includes('Ready to accept')) resolve()
    })
    child.once('exit', () => reject(new Error('redis-server ended')))
  })
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    freeze: () => child.kill('SIGSTOP'),
    thaw: () => child.kill('SIGCONT'),
    kill,
    countCommands: (work) => countCommands(`redis://127.0.0.1:${port}`, work),
  }
}

/** By lower-case name, the commands that clients send while `work` runs. */
async function countCommands(url: string, work: () => Promise<void>): Promise<Record<string, number>> {
  const client = new Redis(url)
  const monitor = await client.monitor()
  const marker = `marker-${Math.random()}`
  const counts: Record<string, number> = {}
  const seen = new Promise<void>((resolve) => {
    monitor.on('monitor', (_time: string, args: string[], source: string) => {
      const name = args[0]?.toLowerCase() ?? ''
      if (args[1] === marker) resolve()
      else if (source !== 'lua') counts[name] = (counts[name] ?? 0) + 1
    })
  })
  await work()
  await sleep(50)
  await client.echo(marker)
  await seen
  monitor.disconnect()
  client.disconnect()
  return counts
}
