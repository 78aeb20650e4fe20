import { didYouMean } from '@stayfast/redis-kit'
import { redisConfigError } from '../errors.js'

/** Throws where a value cannot be the option of that name; `undefined` never comes here. */
export type OptionCheck = (value: unknown, name: string) => void

/** A check for every key of an options type: one that is forgotten does not compile. */
export type OptionChecks<Options> = Readonly<Record<keyof Options, OptionCheck>>

function describe(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  // Strings stay hidden: under a wrong name they may be a secret.
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

function refuse(value: unknown, name: string, wanted: string, what: string = describe(value)): never {
  throw redisConfigError('STAY_REDIS_CONFIG_WRONG_TYPE', {
    what: `The option ${name} is ${what}.`,
    why: `It must be ${wanted}.`,
    remedy: `Give it ${wanted}, or leave it out.`,
  })
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export const text: OptionCheck = (value, name) => {
  if (typeof value === 'string') return
  // Passwords are checked by this: one that was read as a number stays hidden too.
  refuse(value, name, 'a string', typeof value === 'number' ? 'a number' : describe(value))
}

export const filledText: OptionCheck = (value, name) => {
  if (typeof value !== 'string' || value.trim() === '') refuse(value, name, 'a string that is not empty')
}

export const flag: OptionCheck = (value, name) => {
  if (typeof value !== 'boolean') refuse(value, name, 'true or false')
}

export function wholeNumber(least: number, most: number): OptionCheck {
  return (value, name) => {
    if (typeof value !== 'number') refuse(value, name, `a whole number from ${least} to ${most}`)
    if (Number.isInteger(value) && value >= least && value <= most) return
    throw redisConfigError('STAY_REDIS_CONFIG_OUT_OF_RANGE', {
      what: `The option ${name} is ${value}.`,
      why: `It must be a whole number from ${least} to ${most}.`,
      remedy: `Give it a number in that range, or leave it out.`,
    })
  }
}

export function oneOf(choices: readonly (string | number)[]): OptionCheck {
  return (value, name) => {
    if (choices.some((choice) => choice === value)) return
    const wanted = `one of ${choices.join(', ')}`
    if (typeof value !== 'string' || !/^[\w-]{1,32}$/.test(value)) refuse(value, name, wanted)
    throw redisConfigError('STAY_REDIS_CONFIG_OUT_OF_RANGE', {
      what: `The option ${name} is "${value}".`,
      why: `It must be ${wanted}.`,
      remedy: didYouMean(value, choices.map(String)),
    })
  }
}

export function either(
  wanted: string,
  matches: (value: unknown) => boolean,
  otherwise?: OptionCheck,
): OptionCheck {
  return (value, name) => {
    if (matches(value)) return
    if (otherwise === undefined) refuse(value, name, wanted)
    otherwise(value, name)
  }
}

export function listOf(check: OptionCheck): OptionCheck {
  return (value, name) => {
    if (!Array.isArray(value)) refuse(value, name, 'an array')
    for (const [index, entry] of value.entries()) check(entry, `${name}[${index}]`)
  }
}

/** An object with these keys and no others. */
export function shape<Options>(checks: OptionChecks<Options>): OptionCheck {
  const known = Object.keys(checks)
  const byName = new Map<string, OptionCheck>(Object.entries<OptionCheck>(checks))
  return (value, name) => {
    if (!isRecord(value)) refuse(value, name, 'an object')
    const path = (key: string): string => (name === '' ? key : `${name}.${key}`)
    for (const [key, entry] of Object.entries(value)) {
      const check = byName.get(key)
      if (check === undefined) throw unknownOption(path(key), key, known)
      if (entry !== undefined) check(entry, path(key))
    }
  }
}

function unknownOption(path: string, key: string, known: readonly string[]): Error {
  const shown = /^[\w.[\]-]{1,64}$/.test(path) ? ` "${path}"` : ''
  return redisConfigError('STAY_REDIS_CONFIG_UNKNOWN_OPTION', {
    what: `There is no option${shown}.`,
    why: 'A misspelt option would be ignored in silence.',
    remedy: didYouMean(key, known),
  })
}
