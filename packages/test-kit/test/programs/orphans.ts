// Starts what a test would start, says its process ids, and waits to be killed.
import { fileURLToPath } from 'node:url'
import { startProcess, startRedisServer } from '../../dist/index.js'

const server = await startRedisServer()
const child = await startProcess(fileURLToPath(new URL('family.js', import.meta.url)), {
  readyWhen: /grandchild/,
})
const folder = String(await server.command('config', 'get', 'dir')).split(',')[1]
const grandchild = /grandchild (\d+)/.exec(child.stdout.join('\n'))?.[1]
console.log(`pids ${server.pid} ${child.pid} ${grandchild ?? 'none'}`)
console.log(`folder ${folder ?? 'none'}`)
