import { isEncryptionKey } from '../field-cipher.js'
import { didYouMean } from './nearest-name.js'

/** What one option of a plugin takes. */
export interface OptionRule {
  /** Completes the sentence "The option x takes …". */
  readonly wants: string
  readonly accepts: (value: unknown) => boolean
}

/** A rule for every key of an options type: one that is forgotten does not compile. */
export type OptionRules<Options> = Readonly<Record<keyof Options, OptionRule>>

/** Redis keeps the end of a TTL in milliseconds and refuses what does not fit. */
const longestSeconds = 100 * 365 * 86_400

/** What a Map can hold. */
const mostEntries = 2 ** 24

function wholeNumber(least: number, most: number = Number.MAX_SAFE_INTEGER, unit = ''): OptionRule {
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`
  return {
    wants: `a whole number ${unit === '' ? '' : `of ${unit} `}${range}`,
    accepts: (value) => Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most,
  }
}

/** The rules that most options need. */
export interface CommonRules {
  /** A count, a size. */
  readonly wholeNumber: (least: number, most?: number) => OptionRule
  /** So many entries in memory: as many as a Map can hold, because a cache of more would end the process. */
  readonly entries: OptionRule
  /** A time to live: one second to a hundred years. */
  readonly seconds: OptionRule
  /** A number that need not be whole, such as a fraction. */
  readonly number: (least: number, most: number) => OptionRule
  /** The name of a decorator, of a cookie, of a header. */
  readonly name: OptionRule
  readonly text: OptionRule
  readonly yesOrNo: OptionRule
  readonly callable: OptionRule
  readonly oneOf: (...choices: readonly (string | false)[]) => OptionRule
  /** The keys of a {@link FieldCipher}. */
  readonly encryptionKeys: OptionRule
  /** What it names is looked for when the app is ready, and refused then by {@link resolveLink}. */
  readonly redis: OptionRule
}

/** See {@link CommonRules}. */
export const optionRule: CommonRules = Object.freeze({
  wholeNumber: (least: number, most?: number) => wholeNumber(least, most),
  entries: wholeNumber(1, mostEntries),
  seconds: wholeNumber(1, longestSeconds, 'seconds'),
  number: (least: number, most: number): OptionRule => ({
    wants: `a number from ${least} to ${most}`,
    accepts: (value) => typeof value === 'number' && value >= least && value <= most,
  }),
  name: {
    wants: 'a name that is not empty',
    accepts: (value: unknown) => typeof value === 'string' && value !== '',
  },
  text: { wants: 'a text', accepts: (value: unknown) => typeof value === 'string' },
  yesOrNo: { wants: 'true or false', accepts: (value: unknown) => typeof value === 'boolean' },
  callable: { wants: 'a function', accepts: (value: unknown) => typeof value === 'function' },
  oneOf: (...choices: readonly (string | false)[]): OptionRule => ({
    wants: choices.map((choice) => (choice === false ? 'false' : `'${choice}'`)).join(' or '),
    accepts: (value) => choices.some((choice) => choice === value),
  }),
  encryptionKeys: {
    wants:
      'a list of { id, key }, each id its own, of letters, digits, - and _, each key 32 bytes or these as base64',
    accepts: areEncryptionKeys,
  },
  redis: { wants: 'a link, a client, a namespace or false', accepts: () => true },
})

/** Of two keys with one id one would encrypt what the other is asked to decrypt. */
function areEncryptionKeys(value: unknown): boolean {
  if (!Array.isArray(value)) return false
  const keys: readonly unknown[] = value
  return keys.every(isEncryptionKey) && new Set(keys.map(({ id }) => id)).size === keys.length
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Checks the options of a plugin: an unknown one is refused and the nearest known one named, because a
 * misspelt option would be ignored in silence. An option that is `undefined` counts as not given.
 *
 * @param plugin - Name of the plugin, for the message.
 * @param refuse - Makes the plugin's own coded error of a message. Values are never in it: they may be secrets.
 * @returns What was given, without the options that are `undefined`.
 */
export function checkOptions<Options extends object>(
  plugin: string,
  options: Options,
  rules: OptionRules<Options>,
  refuse: (message: string) => Error,
): Options {
  const unchecked: unknown = options
  if (!isRecord(unchecked)) throw refuse(`The options of ${plugin} are an object.`)
  const known = new Map<string, OptionRule>(Object.entries<OptionRule>(rules))
  const given = { ...options }
  for (const [option, value] of Object.entries<unknown>(unchecked)) {
    if (value === undefined) {
      Reflect.deleteProperty(given, option)
      continue
    }
    const rule = known.get(option)
    if (rule === undefined) {
      throw refuse(`${plugin} has no option "${option}". ${didYouMean(option, [...known.keys()])}`)
    }
    if (!rule.accepts(value)) throw refuse(`The option ${option} of ${plugin} takes ${rule.wants}.`)
  }
  return given
}
