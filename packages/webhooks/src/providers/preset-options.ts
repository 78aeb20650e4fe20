import { didYouMean } from '@stayfast/redis-kit'
import { WebhookOptionError } from '../errors.js'

/** One secret, or several while they rotate: a signature made with any of them is right. */
export type Secrets = string | readonly string[]

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

/** @throws STAY_WEBHOOK_OPTION_INVALID for an option that a preset does not have. */
export function refuseUnknown(preset: string, options: object, known: readonly string[]): void {
  for (const option of Object.keys(options)) {
    if (!known.includes(option)) {
      throw new WebhookOptionError(`${preset}() has no option "${option}". ${didYouMean(option, known)}`)
    }
  }
}

/** How old a signature may be. @throws STAY_WEBHOOK_OPTION_INVALID */
export function toleranceOf(preset: string, seconds: number | undefined): number {
  const tolerance = seconds ?? 300
  if (!Number.isFinite(tolerance) || tolerance <= 0) {
    throw new WebhookOptionError(`${preset}() takes toleranceSeconds: a number of seconds above 0.`)
  }
  return tolerance
}
