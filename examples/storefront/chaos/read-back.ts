import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { vendorOf } from '../dist/instances/vendor-of.js'
import { type Shop } from './fleet.js'
import { type Ask, HttpClient } from './http-client.js'
import { type Acknowledged } from './ledger.js'
import { type Outcome, outcomeOf } from './request-record.js'
import { type Users } from './users.js'

export interface ReadBack {
  /** 404 at one process or both, to the end. */
  lost: Acknowledged[]
  /** 404 at first, and there a moment later. */
  late: Acknowledged[]
  /** Neither there nor 404 to the end: refused or failed. */
  unsettled: Acknowledged[]
  /** Until all were there, or it was given up. */
  milliseconds: number
}

interface Question {
  entry: Acknowledged
  client: HttpClient
  outcome?: Outcome
}

const atOnce = 16
const pauseMs = 200

/** Asks both processes for every acknowledged instance, and again for those that are not there yet. */
export async function readBack(
  shops: readonly Shop[],
  users: Users,
  entries: readonly Acknowledged[],
  withinMs: number,
): Promise<ReadBack> {
  const startedMs = performance.now()
  const clients = shops.map(({ url }) => new HttpClient(url))
  const late = new Set<Acknowledged>()
  let open: Question[] = clients.flatMap((client) => entries.map((entry) => ({ entry, client })))
  try {
    for (;;) {
      open = await askAll(open, users)
      for (const { entry, outcome } of open) if (outcome === 'unknown') late.add(entry)
      if (open.length === 0 || performance.now() - startedMs > withinMs) break
      await delay(pauseMs)
    }
  } finally {
    for (const client of clients) client.close()
  }
  const lost = new Set(open.filter(({ outcome }) => outcome === 'unknown').map(({ entry }) => entry))
  const unsettled = new Set(open.map(({ entry }) => entry).filter((entry) => !lost.has(entry)))
  return {
    lost: [...lost],
    late: [...late].filter((entry) => !lost.has(entry)),
    unsettled: [...unsettled],
    milliseconds: performance.now() - startedMs,
  }
}

/** Those that were not answered with the instance. */
async function askAll(questions: readonly Question[], users: Users): Promise<Question[]> {
  const waiting = [...questions]
  const open: Question[] = []
  const worker = async (): Promise<void> => {
    for (let question = waiting.pop(); question; question = waiting.pop()) {
      const { entry, client } = question
      const ask: Ask = { method: 'GET', path: `/api/${entry.id}/products?limit=1` }
      const answer = await users.ask(client, vendorOf(entry.id), ask)
      const { outcome } = outcomeOf(answer)
      if (outcome !== 'ok') open.push({ entry, client, outcome })
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return open
}
