import { startProcess, type ManagedProcess } from '@stayfast/test-kit'
import type { Test } from 'tap'
import { signedEvent, type EventToSend } from './signed-event.js'

const listening = /Server listening at (http:\/\/127\.0\.0\.1:\d+)/

export interface WorkerApp {
  readonly process: ManagedProcess
  readonly url: string
}

/** Starts `programs/worker-app` as a process of its own. */
export async function startWorkerApp(
  t: Test,
  env: Readonly<Record<string, string | undefined>>,
): Promise<WorkerApp> {
  const process = await startProcess(
    new URL('programs/worker-app.js', import.meta.url),
    { env: { NODE_ENV: 'test', ...env }, readyWhen: listening, timeoutMs: 30_000 },
    t,
  )
  const url = listening.exec(await process.waitForLine(listening))?.[1] ?? ''
  return { process, url }
}

/** Sends a webhook over the network; 0 when there was no answer. */
export async function post(url: string, event: EventToSend): Promise<number> {
  const { url: path, method, headers, payload } = signedEvent(event)
  try {
    const body = typeof payload === 'string' ? payload : new Uint8Array(payload)
    const response = await fetch(`${url}${path}`, { method, headers, body })
    await response.arrayBuffer()
    return response.status
  } catch {
    return 0
  }
}
