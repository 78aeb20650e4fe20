import type { Metrics } from '../health-checks.js'
import type { Measurement } from './measurement.js'

/**
 * Writes measurements as Prometheus reads them, on a registry of their own: what the app counts elsewhere
 * is left alone. The library is loaded when it is first needed.
 */
export async function metricsText(measurements: readonly Measurement[]): Promise<Metrics> {
  const { Counter, Gauge, Registry } = await import('prom-client')
  const registry = new Registry()
  const byName = new Map<string, Measurement[]>()
  for (const measurement of measurements) {
    const values = byName.get(measurement.name) ?? []
    byName.set(measurement.name, values)
    values.push(measurement)
  }
  for (const [name, values] of byName) {
    const labelNames = [...new Set(values.flatMap(({ labels }) => Object.keys(labels)))]
    const [{ kind, help } = { kind: 'gauge', help: name }] = values
    const settings = { name, help, labelNames, registers: [registry] }
    if (kind === 'counter') {
      const counter = new Counter(settings)
      for (const { labels, value } of values) counter.inc(labels, value)
    } else {
      const gauge = new Gauge(settings)
      for (const { labels, value } of values) gauge.set(labels, value)
    }
  }
  return { contentType: registry.contentType, text: await registry.metrics() }
}
