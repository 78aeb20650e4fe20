import { join } from 'node:path'
import type { LongPart, LongResult } from './long-part.js'
import { runProgram } from './run-program.js'

/** The suites on other versions of Node, which npx fetches from the registry. */
export function otherNodes(versions: readonly string[]): LongPart {
  return {
    name: 'nodes',
    about: `the suites on Node ${versions.join(', ')}`,
    run: async (context) => {
      const results: LongResult[] = []
      for (const version of versions) {
        const name = `Node ${version}`
        const { passed, seconds, lines } = await runProgram(
          {
            name,
            file: 'npx',
            // By its name: that Node, first on the PATH, runs the tests too.
            args: [
              '-y',
              '-p',
              `node@${version}`,
              'node',
              join('packages', 'test-kit', 'dist', 'bin', 'run-suites.js'),
            ],
            cwd: context.root,
            onLine: ({ text }) => text,
          },
          context,
        )
        const summary = lines.findLast(({ text }) => /^\d+ passed, \d+ failed$/.test(text))?.text
        results.push({ name, passed, summary: summary ?? lines.at(-1)?.text ?? 'it said nothing', seconds })
      }
      return results
    },
  }
}
