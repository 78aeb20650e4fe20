import { setImmediate as nextTurn } from 'node:timers/promises'
import type { AdminConnection } from './admin-connection.js'
import { CommandFeed } from './command-feed.js'
import { commandStats, hiddenFromMonitor } from './command-stats.js'

/** This many rounds without a command, each a round trip to the server, mean that nothing is under way any more. */
const quietRounds = 2

/**
 * What clients sent while `work` ran. MONITOR shows every command that ran; the administrative ones, which it
 * hides, and the refused ones come from the server's own statistics.
 */
export async function countCommands(
  admin: AdminConnection,
  work: () => Promise<unknown>,
): Promise<Record<string, number>> {
  const feed = await CommandFeed.open(admin)
  try {
    const before = await commandStats(admin)
    const sentBefore = admin.sentSoFar()
    await feed.catchUp()
    feed.take()
    await work()
    await untilQuiet(feed)
    const counts = feed.take()
    const after = await commandStats(admin)
    const sentAfter = admin.sentSoFar()
    const hidden = await hiddenFromMonitor(admin, [...after.keys()])
    for (const [name, stat] of after) {
      const earlier = before.get(name) ?? { calls: 0, rejected: 0 }
      const byAdmin = (sentAfter.get(name) ?? 0) - (sentBefore.get(name) ?? 0)
      const ran = hidden.has(name) ? Math.max(0, stat.calls - earlier.calls - byAdmin) : 0
      const unseen = ran + Math.max(0, stat.rejected - earlier.rejected)
      const command = name.replace(/\|.*/, '')
      if (unseen > 0) counts.set(command, (counts.get(command) ?? 0) + unseen)
    }
    return Object.fromEntries([...counts].sort(([one], [other]) => one.localeCompare(other)))
  } finally {
    feed.close()
  }
}

async function untilQuiet(feed: CommandFeed): Promise<void> {
  for (let quiet = 0; quiet < quietRounds;) {
    const { seen } = feed
    await nextTurn()
    await feed.catchUp()
    quiet = feed.seen === seen ? quiet + 1 : 0
  }
}
