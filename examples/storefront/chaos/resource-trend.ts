import { type ResourceSample } from './scenario.js'

export interface ResourceTrend {
  /** For each process, in this order. */
  processes: readonly {
    samples: number
    /** Medians of the second fifth of the samples, when all is warm, and of the last fifth. */
    earlyRssBytes: number
    lateRssBytes: number
    earlyHandles: number
    lateHandles: number
  }[]
}

const fewestSamples = 10

/** How memory and handles went over many repetitions; null where there were too few of them to tell. */
export function resourceTrend(samples: readonly ResourceSample[]): ResourceTrend | null {
  const shops = [...new Set(samples.map(({ shop }) => shop))].sort()
  const each = shops.map((shop) => samples.filter((sample) => sample.shop === shop))
  if (each.length === 0 || each.some((own) => own.length < fewestSamples)) return null
  return {
    processes: each.map((own) => {
      const fifth = Math.floor(own.length / 5)
      const early = own.slice(fifth, 2 * fifth)
      const late = own.slice(-fifth)
      return {
        samples: own.length,
        earlyRssBytes: median(early.map(({ rssBytes }) => rssBytes)),
        lateRssBytes: median(late.map(({ rssBytes }) => rssBytes)),
        earlyHandles: median(early.map(({ handles }) => handles)),
        lateHandles: median(late.map(({ handles }) => handles)),
      }
    }),
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
