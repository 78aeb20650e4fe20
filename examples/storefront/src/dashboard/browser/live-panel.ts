import { announce, messageOf } from './announce.js'
import type { Api } from './api.js'
import type { Device, LiveReport, SeenRequest } from './api-types.js'
import { button, element, make, spoken } from './dom.js'
import {
  bytes,
  capitalized,
  count,
  dateTime,
  percent,
  plural,
  recent,
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

/** As the server calls a Redis that runs beside it. */
const HERE = 'local'
/** As many as there is room for; more would push down what stands below. */
const SHOWN_REQUESTS = 6

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
    showRow('limit-reset', limit === null ? undefined : `in ${span(limit.resetSeconds)}`)
    const waiting = webhooks === null ? 0 : webhooks.waiting + webhooks.delayed + webhooks.active
    showRow(
      'webhooks',
      webhooks === null ? undefined : `${count(waiting)} waiting, ${count(webhooks.deadLetters)} failed`,
    )
    this.#showRequests(requests)
  }

  showDevices(devices: Device[] | null): void {
    const list = element('devices')
    if (devices === null) {
      list.replaceChildren(make('li', { class: 'hint' }, 'Redis knows this, and is away. Back when it is.'))
      return
    }
    const focused = document.activeElement?.closest<HTMLElement>('#devices li')?.dataset['id']
    const lastSeen = [...devices].sort(
      (one, other) =>
        Number(other.current) - Number(one.current) || other.lastSeenAt.localeCompare(one.lastSeenAt),
    )
    list.replaceChildren(...lastSeen.map((device) => this.#device(device)))
    if (focused === undefined) return
    // Whoever stood on a button stays there; where that one is gone, with the list.
    const same = [...list.querySelectorAll<HTMLElement>('li')].find(
      ({ dataset }) => dataset['id'] === focused,
    )
    const next = same?.querySelector('button') ?? list.querySelector('button') ?? element('redis-title')
    next.focus()
  }

  #showLink({ status, provider, server, latency, since, lastOutage }: LiveReport['redis']): void {
    element('link-dot').dataset['state'] = status
    const where = status === 'off' ? '' : ` · ${provider === HERE ? 'on this machine' : provider}`
    write('link-text', `${LINKS[status]}${where}`)
    const details = [
      ...(status === 'off'
        ? ['Set REDIS_URL to share and keep it']
        : [server && capitalized(server), latency && `round trip ${latency.replace('ms', ' ms')}`]),
      status === 'off' ? undefined : `since ${timeOfDay(since)}`,
      lastOutage && `was away for ${span(lastOutage.seconds)}`,
    ].filter((text) => typeof text === 'string')
    element('link-detail').replaceChildren(...details.flatMap((text) => [make('span', {}, text), ' ']))
  }

  #showCache({ hits, misses, hitRate, totalKeys, memoryUsage, buffered }: LiveReport['cache']): void {
    const asked = hits + misses
    write('hit-rate', asked === 0 ? '–' : percent(hitRate / 100))
    write('hits', `${count(hits)}, ${count(misses)}`)
    write('cache-size', `${plural(totalKeys, 'answer')}, ${bytes(memoryUsage)}`)
    showRow('buffered', buffered === 0 ? undefined : plural(buffered, 'edit'))
    element('hit-ring', SVGElement)
      .querySelector('.value')
      ?.setAttribute('stroke-dasharray', `${hitRate} 100`)
  }

  #showRequests(requests: readonly SeenRequest[]): void {
    if (requests.length === 0) return
    element('requests').replaceChildren(
      ...requests
        .slice(0, SHOWN_REQUESTS)
        .map(({ method, route, statusCode, milliseconds, cache, commands }) =>
          make(
            'li',
            {},
            make('span', { class: 'route', title: route }, make('b', {}, method), ` ${shortRoute(route)}`),
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
      { 'data-id': id },
      make(
        'span',
        {},
        make('b', {}, name),
        make('span', { class: 'hint' }, ` last seen ${recent(lastSeenAt)}`),
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
  return route.replace(/^\/(?:api\/)?(?::instanceId\/|vendor\/)?/, '')
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
