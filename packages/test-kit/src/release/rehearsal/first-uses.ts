/** What somebody does first with a package, without a Redis; in JavaScript that TypeScript accepts as it is. */
export interface FirstUse {
  /** Options of the plugin; undefined where the package is none. */
  options: string | undefined
  /** Uses `app` and `all`, which is everything that the package exports. */
  expression: string
  /** What comes of it, as JSON. */
  expected: string
}

/** By the package's name. */
export const firstUses: Readonly<Record<string, FirstUse>> = Object.freeze({
  '@stayfast/redis-kit': {
    options: undefined,
    expression: "new all.Keyspace(() => 'shop:').key('instance', 'a')",
    expected: '"shop:instance:a"',
  },
  '@stayfast/redis-connection': {
    options: '{ env: false }',
    expression: '(await app.redisConnection.check()).status',
    expected: '"disabled"',
  },
  '@stayfast/tenant-instance-store': {
    options: '{}',
    expression: "(await app.tenantInstances.save({ id: 'a', shop: 'one' })).durability",
    expected: '"buffered"',
  },
  '@stayfast/tagged-cache': {
    options: '{}',
    expression: "await app.taggedCache.getOrSet('answer', () => 42, { ttlSeconds: 5, tags: ['answers'] })",
    expected: '42',
  },
  '@stayfast/session': {
    options: "{ secret: 'at least thirty-two characters long' }",
    expression: "await app.sessions.list('nobody')",
    expected: '[]',
  },
  '@stayfast/rate-limit': {
    options: '{ max: 1 }',
    expression: "[(await app.inject('/')).statusCode, (await app.inject('/')).statusCode]",
    expected: '[404,429]',
  },
  '@stayfast/health': {
    options: '{}',
    expression: "(await app.inject('/api/v1/health')).json().status",
    expected: '"ok"',
  },
  '@stayfast/webhooks': {
    options: "{ providers: { shop: all.shopify({ secrets: 'secret' }) } }",
    expression: "(await app.inject({ method: 'POST', url: '/webhooks/shop', payload: {} })).statusCode",
    expected: '401',
  },
} satisfies Record<string, FirstUse>)

/** An ES module that ends with an error unless the use comes out as expected. */
export function esModule(name: string, use: FirstUse): string {
  return `import * as all from '${name}'
${use.options === undefined ? '' : "import Fastify from 'fastify'\n"}
${body(use)}`
}

/** The same for CommonJS, in JavaScript or in TypeScript. */
export function commonJs(name: string, use: FirstUse, language: 'js' | 'ts'): string {
  const bring = (as: string, from: string): string =>
    `${language === 'ts' ? 'import' : 'const'} ${as} = require('${from}')\n`
  return `${bring('all', name)}${use.options === undefined ? '' : bring('Fastify', 'fastify')}
async function main() {
${body(use)}
}
void main()
`
}

function body({ options, expression, expected }: FirstUse): string {
  const app =
    options === undefined
      ? ''
      : `const app = Fastify()\nawait app.register(all.default, ${options})\nawait app.ready()\n`
  const close = options === undefined ? '' : 'await app.close()\n'
  return `${app}const found = JSON.stringify(${expression})
${close}if (found !== '${expected}') throw new Error('it came out as ' + found)
`
}
