import { checkOptions, type OptionRule, type OptionRules } from '@stayfast/redis-kit'
import { WebhookOptionError } from '../errors.js'

/** One secret, or several while they rotate: a signature made with any of them is right. */
export type Secrets = string | readonly string[]

/** How old a signature may be where a preset is told nothing else. */
export const usualToleranceSeconds = 300

/** What the options of presets take. */
export const presetRule: {
  /** Looked at by {@link secretsOf}, which is asked for one that is missing as well. */
  readonly secrets: OptionRule
  readonly toleranceSeconds: OptionRule
  readonly header: OptionRule
} = Object.freeze({
  secrets: { wants: 'a text, or a list of texts', accepts: () => true },
  toleranceSeconds: {
    wants: 'a number of seconds above 0',
    accepts: (value: unknown) => Number.isFinite(value) && Number(value) > 0,
  },
  header: {
    wants: 'the name of a header',
    accepts: (value: unknown) => typeof value === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(value),
  },
})

/**
 * The options of a preset, without those that are `undefined`.
 *
 * @throws STAY_WEBHOOK_OPTION_INVALID for an option that a preset does not have, or a value it cannot have.
 */
export function presetOptions<Options extends object>(
  preset: string,
  options: Options,
  rules: OptionRules<Options>,
): Options {
  return checkOptions(`${preset}()`, options, rules, (message) => new WebhookOptionError(message))
}

/** The secrets as a list. @throws STAY_WEBHOOK_OPTION_INVALID where one is missing or empty. */
export function secretsOf(preset: string, option: string, secrets: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(secrets) ? secrets : [secrets]
  const texts = list.filter((secret) => typeof secret === 'string').filter((secret) => secret.trim() !== '')
  if (texts.length === 0 || texts.length < list.length) {
    throw new WebhookOptionError(
      `${preset}() takes ${option}: a text that is not empty, or a list of such texts. An empty secret would let anybody sign.`,
    )
  }
  return texts
}
