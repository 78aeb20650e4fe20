import { announce, messageOf } from './announce.js'
import { type Api } from './api.js'
import { type Device, type LiveReport, type SeenRequest } from './api-types.js'
import { button, element, make, spoken } from './dom.js'
import {
  bytes,
  capitalized,
  count,
  dateTime,
  percent,
  plural,
  shortCount,
  span,
  timeOfDay,
} from './format.js'

const LINKS: Readonly<Record<LiveReport['redis']['status'], string>> = {
  off: 'Not configured: this process remembers by itself',
  connecting: 'Connecting',
  up: 'Connected',
  suspect: 'Not answering',
  down: 'Away',
  closed: 'Closed',
}

/** What Redis does for you: connection, cache, requests, cost, devices. */
export class LivePanel {
  readonly #api: Api

  constructor(api: Api) {
    this.#api = api
  }

  showLive(live: boolean): void {
    element('live-state').textContent = live ? 'Live, from this process' : 'Connecting…'
    element('redis').dataset['live'] = String(live)
  }

  show({ redis, cache, commands, limit, webhooks, requests }: LiveReport): void {
    this.#showLink(redis)
    this.#showCache(cache)
    write('per-request', commands.perRequest === null ? 'measuring…' : commands.perRequest.toFixed(1))
    write('per-day', commands.perDay === null ? 'measuring…' : shortCount(commands.perDay))
    showRow('budget', commands.budgetUsed === null ? undefined : percent(commands.budgetUsed))
    showRow('limit', limit === null ? undefined : `${count(limit.remaining)} of ${count(limit.max)}`)
    write('limit-reset', limit === null ? '' : `, anew in ${span(limit.resetSeconds)}`)
    showRow(
      'webhooks',
      webhooks === null
        ? undefined
        : `${count(webhooks.waiting + webhooks.delayed)}, ${count(webhooks.active)} under way, ${count(webhooks.deadLetters)} failed`,
    )
    this.#showRequests(requests)
  }

  showDevices(devices: Device[] | null): void {
    const list = element('devices')
    if (devices === null) {
      list.replaceChildren(make('li', { class: 'hint' }, 'Redis knows this, and is away. Back when it is.'))
      return
    }
    list.replaceChildren(...devices.map((device) => this.#device(device)))
  }

  #showLink({ status, provider, server, latency, since, lastOutage }: LiveReport['redis']): void {
    element('link-dot').dataset['state'] = status
    const where = status === 'off' ? '' : ` · ${provider}`
    write('link-text', `${LINKS[status]}${where}`)
    const details = [
      ...(status === 'off'
        ? ['Set REDIS_URL to share and keep it']
        : [server, latency && `round trip ${latency}`]),
      status === 'off' ? undefined : `since ${timeOfDay(since)}`,
      lastOutage && `was away for ${span(lastOutage.seconds)}`,
    ]
    write('link-detail', details.filter((text) => text !== null && text !== undefined).join(' · '))
  }

  #showCache({ hits, misses, hitRate, totalKeys, memoryUsage, buffered }: LiveReport['cache']): void {
    const asked = hits + misses
    write('hit-rate', asked === 0 ? '–' : percent(hitRate / 100))
    write('hits', `${count(hits)}, ${count(misses)}`)
    const waiting = buffered > 0 ? `, ${plural(buffered, 'edit')} to hand on` : ''
    write('cache-size', `${plural(totalKeys, 'answer')}, ${bytes(memoryUsage)}${waiting}`)
    element('hit-ring', SVGElement)
      .querySelector('.value')
      ?.setAttribute('stroke-dasharray', `${hitRate} 100`)
  }

  #showRequests(requests: readonly SeenRequest[]): void {
    if (requests.length === 0) return
    element('requests').replaceChildren(
      ...requests.map(({ method, route, statusCode, milliseconds, cache, commands }) =>
        make(
          'li',
          {},
          make('span', { class: 'route' }, make('b', {}, method), ` ${shortRoute(route)}`),
          make(
            'span',
            { class: 'cost' },
            ...(statusCode >= 400 ? [make('span', { class: 'tag bad' }, String(statusCode))] : []),
            ...(cache === null ? [] : [make('span', { class: `tag ${cache.toLowerCase()}` }, cache)]),
            ` ${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`,
            ...(commands === null ? [] : [` · ${commands} cmd`]),
          ),
        ),
      ),
    )
  }

  #device({ id, device, createdAt, lastSeenAt, current }: Device): HTMLElement {
    const name = browserName(device)
    const end = button('Sign out', () => void this.#end(id, name, end))
    end.append(spoken(` on ${name}, signed in ${dateTime(createdAt)}`))
    return make(
      'li',
      {},
      make(
        'span',
        {},
        make('b', {}, name),
        make('span', { class: 'hint' }, ` last seen ${timeOfDay(lastSeenAt)}`),
      ),
      current ? make('span', { class: 'tag' }, 'this one') : end,
    )
  }

  async #end(id: string, name: string, pressed: HTMLButtonElement): Promise<void> {
    pressed.disabled = true
    try {
      await this.#api.ask(`/auth/sessions/${encodeURIComponent(id)}`, { method: 'DELETE' })
      announce(`Signed out on ${name}.`)
    } catch (error) {
      announce(messageOf(error))
      pressed.disabled = false
    }
  }
}

function write(id: string, text: string): void {
  const place = element(id)
  if (place.textContent !== text) place.textContent = text
}

function showRow(id: string, text: string | undefined): void {
  element(`${id}-row`).hidden = text === undefined
  write(id, text ?? '–')
}

function shortRoute(route: string): string {
  return route.replace(/^\/api\/(?::instanceId\/)?/, '')
}

/** Of a User-Agent, as far as a person wants to know it. */
function browserName(device: string | null): string {
  if (device === null) return 'Unknown device'
  const browser = /(Edg|OPR|Firefox|Chrome|Safari)\//.exec(device)?.[1]
  const system = /(Windows|Android|iPhone|iPad|Mac OS X|Linux)/.exec(device)?.[1]
  const names: Readonly<Record<string, string>> = { Edg: 'Edge', OPR: 'Opera' }
  if (browser === undefined) return capitalized(device.slice(0, 40))
  return `${names[browser] ?? browser}${system === undefined ? '' : ` on ${system}`}`
}
