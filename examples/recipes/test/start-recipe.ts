import { eventually, startProcess, type ManagedProcess } from '@stayfast/test-kit'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'

/** A recipe that runs. */
export interface Recipe {
  process: ManagedProcess
  /** Sends a request; a body makes it a POST, unless told otherwise. */
  ask: (
    path: string,
    options?: { method?: string; body?: unknown; headers?: Record<string, string> },
  ) => Promise<Answer>
}

export interface Answer {
  status: number
  headers: Headers
  body: unknown
}

export const root: string = fileURLToPath(new URL('../../../', import.meta.url))

/** Starts a program on a free port, with this environment and nothing of ours that would change what it does. */
export async function startRecipe(
  t: Test,
  name: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Recipe> {
  const file = fileURLToPath(new URL(`../dist/${name}.js`, import.meta.url))
  const process = await startProcess(
    file,
    { env: { PORT: '0', ...env }, readyWhen: /Server listening at/, timeoutMs: 60_000 },
    t,
  )
  const line = process.lines.find(({ text }) => text.includes('Server listening at'))?.text ?? ''
  const port = /http:\/\/\S+:(\d+)/.exec(line)?.[1] ?? ''
  return {
    process,
    ask: async (path, options = {}) => {
      const sent = options.body === undefined ? {} : { body: JSON.stringify(options.body) }
      const type = options.body === undefined ? {} : { 'content-type': 'application/json' }
      const request = {
        method: options.method ?? (options.body === undefined ? 'GET' : 'POST'),
        headers: { ...type, ...options.headers },
        ...sent,
      }
      let answer: Answer | undefined
      // On a busy machine Redis may be found a moment after the app has started.
      await eventually(
        async () => {
          const response = await fetch(`http://127.0.0.1:${port}${path}`, request)
          const text = await response.text()
          const body: unknown = text === '' ? undefined : JSON.parse(text)
          answer = { status: response.status, headers: response.headers, body }
          return answer.status !== 503
        },
        { withinMs: 20_000, everyMs: 100 },
      )
      if (answer === undefined) throw new Error(`${path} was not answered.`)
      return answer
    },
  }
}
