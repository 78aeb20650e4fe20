import { setTimeout as sleep } from 'node:timers/promises'

export async function eventually(
  condition: () => Promise<boolean> | boolean,
  withinMs = 5000,
): Promise<void> {
  const until = performance.now() + withinMs
  while (!(await condition())) {
    if (performance.now() > until) throw new Error(`not so within ${withinMs} ms`)
    await sleep(10)
  }
}
