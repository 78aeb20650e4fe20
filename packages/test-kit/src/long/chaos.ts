import { join } from 'node:path'
import type { LongPart } from './long-part.js'
import { runProgram } from './run-program.js'

/** All faults on all topologies; its report is said in full. */
export const chaos: LongPart = {
  name: 'chaos',
  about: 'every fault on one server, Sentinel and a Cluster, under load',
  run: async (context) => {
    const { passed, seconds, lines } = await runProgram(
      {
        name: 'chaos',
        file: process.execPath,
        args: [join('examples', 'storefront', 'chaos-dist', 'main.js')],
        cwd: context.root,
        onLine: ({ text }) => text,
      },
      context,
    )
    const missed = lines.filter(({ text }) => text.startsWith('✗')).map(({ text }) => text)
    const summary = passed ? 'all bars are met' : ['bars are missed', ...missed].join('\n')
    return [{ name: 'chaos', passed, summary, seconds }]
  },
}
