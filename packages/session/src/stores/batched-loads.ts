import { type RedisLink, TurnBatch } from '@stayfast/redis-kit'
import { loadScript } from './session-scripts.js'

/** Few enough that the first are answered while the server still reads the last of a crowd. */
const sessionsPerCommand = 16
/** A reply of at most a few 100 KB, which does not keep the server from others for long. */
const sessionsPerBilledCommand = 50

/** Where a session is, and where it stands when its user was signed out everywhere. */
type SessionKeys = readonly [key: string, watermarkKey: string]

/**
 * Loads sessions. Those that are asked for in the same turn of the event loop share commands, a write to
 * the socket and a deadline.
 *
 * On a cluster each goes alone: a command takes keys of one slot, and a shard that is down must not
 * take the others along.
 */
export class BatchedLoads {
  readonly #batch: TurnBatch<SessionKeys, string>

  constructor(link: RedisLink, args: readonly (string | number)[]) {
    const { cluster, billedByCommand } = link.traits
    this.#batch = new TurnBatch({
      send: (sessions) => link.run((client) => loadScript.run(client, sessions.flat(), args)),
      maxWeight: cluster ? 0 : billedByCommand ? sessionsPerBilledCommand : sessionsPerCommand,
      // Behind all sockets that are read in this turn: each of their requests may ask for a session.
      patient: true,
    })
  }

  /** The reply of {@link loadScript} for one session. */
  async load(...keys: SessionKeys): Promise<string> {
    const { replies, first } = this.#batch.add([keys], 1)
    return (await replies)[first] ?? ''
  }
}
