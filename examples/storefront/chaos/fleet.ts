import { type ManagedProcess, startProcess } from '@stayfast/test-kit'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type RedisEnvironment } from './faults/fault.js'
import { webhookSecret } from './deliveries.js'
import { limitMax } from './greedy-visitor.js'
import { password } from './sign-in.js'

export type App = 'storefront' | 'plain'

/** One process under test. */
export interface Shop {
  /** 0 or 1. */
  index: number
  url: URL
  /** What it said on its way out; undefined while it runs. */
  readonly death: string | undefined
  /** Resident memory and open file descriptors; undefined where the system does not tell. */
  resources(): { rssBytes: number; handles: number } | undefined
}

const scripts: Readonly<Record<App, URL>> = {
  storefront: new URL('../dist/server.js', import.meta.url),
  plain: new URL('plain-app/server.js', import.meta.url),
}
const readyWhen = /is ready: (http:\S+)$/
const timeoutMs = 60_000
const pageBytes = 4096

/** Variables of whoever runs this that the processes must not see. */
const ownVariables =
  /^(?:REDIS_|WEBHOOK_|DATABASE_URL$|DATA_DIR$|APP_SECRET$|SESSION_SECRET$|DEMO_PASSWORD$|HOST$|NODE_)/

/** Two processes of the app, each with its own way to Redis and both on one catalogue. */
export class Fleet {
  readonly shops: readonly [Shop, Shop]
  readonly #processes: readonly ManagedProcess[]

  private constructor(processes: readonly [ManagedProcess, ManagedProcess], urls: readonly [URL, URL]) {
    this.#processes = processes
    this.shops = [shop(0, processes[0], urls[0]), shop(1, processes[1], urls[1])]
  }

  static async start(
    app: App,
    databaseUrl: string,
    environments: readonly [RedisEnvironment, RedisEnvironment],
  ): Promise<Fleet> {
    const start = (environment: RedisEnvironment): Promise<ManagedProcess> =>
      startProcess(scripts[app], { env: variables(databaseUrl, environment), readyWhen, timeoutMs })
    const starting = [start(environments[0]), start(environments[1])] as const
    try {
      const [first, second] = await Promise.all(starting)
      return new Fleet([first, second], [await urlOf(first), await urlOf(second)])
    } catch (error) {
      for (const outcome of await Promise.allSettled(starting)) {
        if (outcome.status === 'fulfilled') await outcome.value.stop()
      }
      throw error
    }
  }

  /** Lines that both have logged. */
  get logLines(): number {
    return this.#processes.reduce((sum, { lines }) => sum + lines.length, 0)
  }

  /** Writes what each has logged into a folder. */
  async keepLogs(folder: string, name: string): Promise<void> {
    await mkdir(folder, { recursive: true })
    for (const [index, { lines }] of this.#processes.entries()) {
      const text = lines.map((line) => `${line.text}\n`).join('')
      await writeFile(join(folder, `${name}-${index}.log`), text)
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.stop()))
  }
}

function shop(index: number, process: ManagedProcess, url: URL): Shop {
  let death: string | undefined
  void process.exited.then(({ code, signal }) => {
    const last = process.lines.at(-1)?.text ?? 'it said nothing'
    death = `${signal ?? `exit code ${String(code)}`}: ${last}`
  })
  return {
    index,
    url,
    get death() {
      return death
    },
    resources: () => {
      try {
        const pages = Number(readFileSync(`/proc/${process.pid}/statm`, 'utf8').split(' ')[1])
        return { rssBytes: pages * pageBytes, handles: readdirSync(`/proc/${process.pid}/fd`).length }
      } catch {
        return undefined
      }
    },
  }
}

function variables(
  databaseUrl: string,
  environment: RedisEnvironment,
): Readonly<Record<string, string | undefined>> {
  const own = Object.keys(process.env).filter((name) => ownVariables.test(name))
  return {
    ...Object.fromEntries(own.map((name) => [name, undefined])),
    PORT: '0',
    LOG_LEVEL: 'warn',
    RATE_LIMIT_MAX: String(limitMax),
    SESSION_SECRET: 'the two processes of the chaos run share this secret',
    DEMO_PASSWORD: password,
    WEBHOOK_SECRET_GENERIC: webhookSecret,
    DATABASE_URL: databaseUrl,
    ...environment,
  }
}

async function urlOf(process: ManagedProcess): Promise<URL> {
  const line = await process.waitForLine(readyWhen)
  return new URL('/', readyWhen.exec(line)?.[1])
}
