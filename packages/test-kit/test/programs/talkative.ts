// Says what it was given and ends on SIGTERM, with exit code 3.
console.log('arguments', ...process.argv.slice(2))
console.error(`greeting ${process.env['GREETING'] ?? 'none'}`)
console.log(`home ${process.env['HOME'] ?? 'none'}`)
console.log(`folder ${process.cwd()}`)
const alive = setInterval(() => undefined, 1000)
process.on('SIGTERM', () => {
  clearInterval(alive)
  console.log('goodbye')
  process.exitCode = 3
})
console.log('ready')
