import t from 'tap'
import { readConfig } from '../dist/config.js'

const secret = 'a-secret-of-at-least-thirty-two-characters'

t.test('with nothing set the server listens on loopback and keeps its data in memory', (t) => {
  const config = readConfig({})
  t.match(config, {
    host: '127.0.0.1',
    port: 3000,
    logLevel: 'info',
    production: false,
    catalogue: { kind: 'memory' },
    appSecret: undefined,
  })
  t.end()
})

t.test('an empty variable counts as unset', (t) => {
  const config = readConfig({
    PORT: '',
    HOST: ' ',
    LOG_LEVEL: '',
    DATABASE_URL: '',
    DATA_DIR: '',
    APP_SECRET: '',
  })
  t.match(config, { port: 3000, host: '127.0.0.1', catalogue: { kind: 'memory' }, appSecret: undefined })
  t.end()
})

t.test('a port that is none is refused with what to set', (t) => {
  for (const PORT of ['http', '-1', '65536', '80.5', '0x50']) {
    t.throws(() => readConfig({ PORT }), { code: 'SHOP_CONFIG_INVALID', message: /PORT.*0.*65535/ }, PORT)
  }
  t.end()
})

t.test('a log level that is none is refused with those that are', (t) => {
  t.throws(() => readConfig({ LOG_LEVEL: 'loud' }), { code: 'SHOP_CONFIG_INVALID', message: /fatal.*silent/ })
  t.end()
})

t.test('a database URL that is none is refused, and not repeated: it may hold a password', (t) => {
  for (const DATABASE_URL of ['mysql://root:hunter2@db/shop', 'hunter2']) {
    t.throws(() => readConfig({ DATABASE_URL }), {
      code: 'SHOP_CONFIG_INVALID',
      message: /^(?!.*hunter2).*postgres:/,
    })
  }
  t.end()
})

t.test('DATABASE_URL is preferred to DATA_DIR, with a warning', (t) => {
  const config = readConfig({
    DATABASE_URL: 'postgres://db/shop',
    DATA_DIR: './data',
    SESSION_SECRET: secret,
  })
  t.match(config.catalogue, { kind: 'postgres', url: 'postgres://db/shop' })
  t.match(config.warnings, [/DATA_DIR is not/])
  t.end()
})

t.test('without SESSION_SECRET production refuses to start', (t) => {
  t.throws(() => readConfig({ NODE_ENV: 'production' }), {
    code: 'SHOP_SESSION_SECRET_MISSING',
    message: /openssl rand/,
  })
  t.end()
})

t.test('without SESSION_SECRET elsewhere a random one is used, with one warning', (t) => {
  const [first, second] = [readConfig({}), readConfig({})]
  t.match(first.warnings, [/SESSION_SECRET is not set/])
  t.equal(first.warnings.length, 1)
  t.not(first.sessionSecrets[0], second.sessionSecrets[0])
  t.end()
})

t.test('several session secrets are read in order, for rotation', (t) => {
  const config = readConfig({ SESSION_SECRET: `${secret}-new, ${secret}-old,` })
  t.same(config.sessionSecrets, [`${secret}-new`, `${secret}-old`])
  t.same(config.warnings, [])
  t.end()
})

t.test('a short session secret is refused in production and warned of elsewhere', (t) => {
  t.throws(() => readConfig({ NODE_ENV: 'production', SESSION_SECRET: `${secret},short` }), {
    code: 'SHOP_CONFIG_INVALID',
    message: /32 characters/,
  })
  const config = readConfig({ SESSION_SECRET: 'short' })
  t.match(config.warnings, [/32 characters/])
  t.match(config.sessionSecrets, [/^.{32,}$/], 'and made long enough to be used')
  t.same(config.sessionSecrets, readConfig({ SESSION_SECRET: 'short' }).sessionSecrets, 'in every process')
  t.notSame(config.sessionSecrets, readConfig({ SESSION_SECRET: 'other' }).sessionSecrets)
  t.end()
})

t.test('a limit that is none is refused with what it may be', (t) => {
  for (const RATE_LIMIT_MAX of ['-1', '1.5', 'many', '1e3', '1000000000']) {
    t.throws(
      () => readConfig({ RATE_LIMIT_MAX }),
      { code: 'SHOP_CONFIG_INVALID', message: /RATE_LIMIT_MAX.*from 0 to 999999999/ },
      RATE_LIMIT_MAX,
    )
  }
  t.throws(() => readConfig({ RATE_LIMIT_WINDOW_SECONDS: '0' }), { message: /from 1 to 999999999/ })
  t.throws(() => readConfig({ TRUSTED_PROXIES: 'all' }), { message: /TRUSTED_PROXIES.*from 0/ })
  t.end()
})

t.test('production without APP_SECRET starts, and says that no dashboard can be opened', (t) => {
  t.match(readConfig({ NODE_ENV: 'production', SESSION_SECRET: secret }).warnings, [/APP_SECRET/])
  t.end()
})
