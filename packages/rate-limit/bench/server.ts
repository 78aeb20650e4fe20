import { createLimitedApp, scenarios, variants } from './limited-app.js'

/** A process of its own for one variant: `node server.js <variant> <scenario>`. */
const [, , variantName, scenarioName] = process.argv
const variant = variants.find((each) => each === variantName)
const scenario = scenarios.find((each) => each === scenarioName)
if (variant === undefined || scenario === undefined) throw new Error('Name a variant and a scenario.')
const app = await createLimitedApp(variant, scenario)
let asked = 0
process.on('SIGUSR2', () => {
  const { user, system } = process.cpuUsage()
  asked += 1
  console.log(`cpu ${asked}: ${user + system} us`)
})
console.log(`listening at ${await app.listen({ port: 0, host: '127.0.0.1' })}`)
