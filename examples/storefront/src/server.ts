import closeWithGrace from 'close-with-grace'
import type { FastifyInstance } from 'fastify'
import { buildApp } from './app.js'
import { readConfig, type StorefrontConfig } from './config.js'
import { AddressInUseError, AddressUnusableError } from './errors.js'
import { addressToOpen } from './address-to-open.js'

const CLOSE_WITHIN_MS = 25_000
/** Balancers need this long to hear that this process wants no more traffic. */
const DRAIN_DELAY_MS = 5_000

try {
  const config = readConfig(process.env)
  const app = await buildApp(config)
  await listen(app, config)
  closeWithGrace({ delay: CLOSE_WITHIN_MS, logger: app.log }, async ({ signal, err }) => {
    if (err !== undefined) app.log.fatal({ err }, 'the process ends because of an error that nothing caught')
    else app.log.info(`${signal}: closing`)
    await app.healthChecks.shutdown({ drainDelayMs: config.production ? DRAIN_DELAY_MS : 0 })
  })
  // Not log lines: they are what whoever started the server is waiting for, at any LOG_LEVEL.
  if (config.demoPassword?.madeUp === true) {
    process.stdout.write(
      `Sign in as vendor-1@demo.test with the password ${config.demoPassword.value} (until the next start; ` +
        'DEMO_PASSWORD sets one that stays)\n',
    )
  }
  process.stdout.write(`Storefront is ready: ${addressToOpen(app.addresses(), config)}\n`)
} catch (error) {
  process.stderr.write(`${describe(error)}\n`)
  process.exitCode = 1
}

async function listen(app: FastifyInstance, { host, port }: StorefrontConfig): Promise<void> {
  try {
    await app.listen({ host, port })
  } catch (error) {
    await app.close()
    const address = `${host}:${port}`
    if (!isCoded(error)) throw error
    if (error.code === 'EADDRINUSE') throw new AddressInUseError(address, { cause: error })
    throw new AddressUnusableError(address, error.code, { cause: error })
  }
}

/** What this app refuses says by itself what to do; anything else needs its stack. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (isCoded(error) && /^(?:SHOP|STAY)_/.test(error.code)) return `${error.code}: ${error.message}`
  return error.stack ?? error.message
}

function isCoded(error: unknown): error is Error & { code: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
}
