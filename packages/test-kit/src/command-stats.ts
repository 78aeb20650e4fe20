import type { AdminConnection } from './admin-connection.js'

export interface CommandStat {
  /** How often it ran, for the admin too. */
  calls: number
  /** How often it was refused before it ran. */
  rejected: number
}

/** The server's statistics by name, a subcommand as `config|get`. */
export async function commandStats(admin: AdminConnection): Promise<Map<string, CommandStat>> {
  const text = String(await admin.command('info', 'commandstats'))
  const lines = text.matchAll(/^cmdstat_([^:]+):calls=(\d+)(?:.*rejected_calls=(\d+))?/gm)
  return new Map(
    [...lines].map(([, name = '', calls, rejected]) => [
      name,
      { calls: Number(calls), rejected: Number(rejected ?? 0) },
    ]),
  )
}

/** Which of these commands MONITOR does not show: the administrative ones. */
export async function hiddenFromMonitor(admin: AdminConnection, names: string[]): Promise<Set<string>> {
  if (names.length === 0) return new Set()
  const entries: unknown = await admin.command('command', 'info', ...names)
  const isAdministrative = (entry: unknown): boolean =>
    Array.isArray(entry) && Array.isArray(entry[2]) && entry[2].includes('admin')
  return new Set(names.filter((_name, index) => Array.isArray(entries) && isAdministrative(entries[index])))
}
