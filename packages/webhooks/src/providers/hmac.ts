import { optionRule, type OptionRules } from '@stayfast/redis-kit'
import { hmacMatches } from '../signatures/hmac-signature.js'
import { timestampAge } from '../signatures/timestamp.js'
import { headerOf, unreadable, unsigned, type WebhookProvider } from './provider.js'
import { fingerprintOf, readJson, verified } from './read-event.js'
import {
  presetOptions,
  presetRule,
  secretsOf,
  usualToleranceSeconds,
  type Secrets,
} from './preset-options.js'

/** Options of {@link hmac}. Names of headers in any case. */
export interface HmacOptions {
  readonly secrets: Secrets
  readonly algorithm?: 'sha1' | 'sha256' | 'sha512'
  readonly encoding?: 'hex' | 'base64'
  /** Stands before the signature in its header, such as `'sha256='`. */
  readonly prefix?: string
  readonly signatureHeader?: string
  /** Where the sender says when it signed; what is signed is then `timestamp`, `separator`, body. */
  readonly timestampHeader?: string
  readonly separator?: string
  /** How old a timestamp may be. */
  readonly toleranceSeconds?: number
  readonly idHeader?: string
  readonly topicHeader?: string
  readonly tenantHeader?: string
}

/** What holds where an option of {@link hmac} is not given. */
export const hmacDefaults: Readonly<Required<Omit<HmacOptions, 'secrets' | 'timestampHeader'>>> =
  Object.freeze({
    algorithm: 'sha256',
    encoding: 'hex',
    prefix: '',
    signatureHeader: 'X-Signature',
    separator: '.',
    toleranceSeconds: usualToleranceSeconds,
    idHeader: 'X-Webhook-Id',
    topicHeader: 'X-Topic',
    tenantHeader: 'X-Tenant',
  } satisfies Omit<HmacOptions, 'secrets'>)

const rules: OptionRules<HmacOptions> = {
  secrets: presetRule.secrets,
  algorithm: optionRule.oneOf('sha1', 'sha256', 'sha512'),
  encoding: optionRule.oneOf('hex', 'base64'),
  prefix: optionRule.text,
  signatureHeader: presetRule.header,
  timestampHeader: presetRule.header,
  separator: optionRule.text,
  toleranceSeconds: presetRule.toleranceSeconds,
  idHeader: presetRule.header,
  topicHeader: presetRule.header,
  tenantHeader: presetRule.header,
}

/**
 * Any sender that signs the body, or a timestamp and the body, with an HMAC. Headers are not signed: give
 * the sender a `timestampHeader`, and who replays an old body under a new id is refused.
 *
 * @throws STAY_WEBHOOK_OPTION_INVALID
 */
export function hmac(options: HmacOptions): WebhookProvider {
  const rule = { ...hmacDefaults, ...presetOptions('hmac', options, rules) }
  const secrets = secretsOf('hmac', 'secrets', rule.secrets)
  const { toleranceSeconds } = rule
  const header = (name: string): string => name.toLowerCase()
  return {
    verify(delivery) {
      const sent = headerOf(delivery, header(rule.signatureHeader))
      if (sent?.startsWith(rule.prefix) !== true) return unsigned(`it has no ${rule.signatureHeader}`)
      const timestamp =
        rule.timestampHeader === undefined
          ? undefined
          : (headerOf(delivery, header(rule.timestampHeader)) ?? '')
      const content = timestamp === undefined ? [delivery.body] : [timestamp, rule.separator, delivery.body]
      if (!hmacMatches(content, [sent.slice(rule.prefix.length)], secrets, rule)) {
        return unsigned(`${rule.signatureHeader} was made with another secret, or of another body`)
      }
      if (timestamp !== undefined && timestampAge(timestamp, delivery.nowMs, toleranceSeconds) !== 'recent') {
        return unsigned(`its signature is older than ${toleranceSeconds} s`)
      }
      const json = readJson(delivery.body)
      if (json === undefined) return unreadable('its body is no JSON')
      const topic = headerOf(delivery, header(rule.topicHeader))
      return verified(
        {
          id: headerOf(delivery, header(rule.idHeader)),
          topic,
          tenantId: headerOf(delivery, header(rule.tenantHeader)),
          body: json.text,
          fingerprint: fingerprintOf(topic ?? '', delivery.body),
        },
        { id: rule.idHeader, topic: rule.topicHeader },
      )
    },
  }
}
