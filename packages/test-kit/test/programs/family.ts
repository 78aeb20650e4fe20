// A process that starts another one, and neither ends by itself.
import { spawn } from 'node:child_process'

const grandchild = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], { stdio: 'inherit' })
console.log(`grandchild ${grandchild.pid ?? 0}`)
