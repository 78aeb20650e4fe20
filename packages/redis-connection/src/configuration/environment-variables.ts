import { readCertificates } from './certificate.js'
import { redisConfigError } from '../errors.js'
import type { Environment } from '../options.js'

/** `process.env` with the quoting of `.env` files undone. */
export class EnvironmentVariables {
  readonly #env: Environment

  constructor(env: Environment) {
    this.#env = env
  }

  /** Trimmed, without surrounding quotes; undefined where empty. */
  text(name: string): string | undefined {
    const trimmed = (this.#env[name] ?? '').trim()
    const unquoted = /^(["'])([\s\S]*)\1$/.exec(trimmed)?.[2] ?? trimmed
    return unquoted.trim() || undefined
  }

  list(name: string): string[] | undefined {
    return this.text(name)
      ?.split(/[\s,;]+/)
      .filter((entry) => entry !== '')
  }

  flag(name: string): boolean | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    if (/^(true|1|yes|on)$/i.test(text)) return true
    if (/^(false|0|no|off)$/i.test(text)) return false
    throw redisConfigError('STAY_REDIS_CONFIG_INVALID_SWITCH', {
      what: `${name} ${shown(text)}.`,
      why: 'It is a switch.',
      remedy: `Set ${name} to true or false, or leave it empty.`,
    })
  }

  db(name: string): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const db = /^\d{1,10}$/.test(text) ? Number(text) : Infinity
    if (db <= 2_147_483_647) return db
    throw redisConfigError('STAY_REDIS_CONFIG_INVALID_DB', {
      what: `${name} ${shown(text)}.`,
      why: 'Redis numbers its databases from 0, and most servers have 16 of them.',
      remedy: `Set ${name} to a whole number such as 0, or leave it empty.`,
    })
  }

  port(name: string): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
    if (port >= 1 && port <= 65_535) return port
    const fromKubernetes = /^tcp:\/\//.test(text)
    throw redisConfigError('STAY_REDIS_CONFIG_INVALID_PORT', {
      what: `${name} ${fromKubernetes ? 'begins with tcp://' : shown(text)}.`,
      why: fromKubernetes
        ? 'Kubernetes sets it so in every pod where a service is called "redis".'
        : 'A port is a whole number from 1 to 65535.',
      remedy: fromKubernetes
        ? `Set ${name} in the pod's own env, set REDIS_URL, or turn off enableServiceLinks.`
        : `Set ${name} to the port of your Redis (6379 by default), or leave it empty.`,
    })
  }

  certificates(name: string): string | undefined {
    const text = this.text(name)
    return text === undefined ? undefined : readCertificates(text, name)
  }
}

/** A value as a message may show it: short words and numbers only, for anything else may hold a secret. */
function shown(text: string): string {
  return /^[\w.+-]{1,16}$/.test(text) ? `is "${text}"` : 'has a value of another kind'
}
