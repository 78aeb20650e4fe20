import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import type { Test } from 'tap'

/** A port of the loopback that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** A real redis-server that is gone when the test ends. */
export async function startRedis(t: Test, ...args: string[]): Promise<number> {
  const port = await freePort()
  const binary = process.env['REDIS_SERVER_BIN'] ?? 'redis-server'
  const child = spawn(binary, ['--port', String(port), '--save', '', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const gone = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await gone
  })
  for await (const chunk of child.stdout) {
    if (String(chunk).includes('Ready to accept connections')) break
  }
  child.stdout.resume()
  return port
}
