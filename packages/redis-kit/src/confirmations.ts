import { performance } from 'node:perf_hooks'
import type { BusReply } from './bus-script.js'

interface Waiting {
  readonly members: Map<string, number>
  readonly settle: (delivered: boolean) => void
  readonly repeat: () => void
  readonly giveUpAtMs: number
}

/** While confirmations are missing the message is repeated this often. */
const repeatEveryMs = 250

/**
 * Which members have yet to confirm which message. A member counts as confirmed once it has said so,
 * or once the lease it held when the message was published has run out: from then on it trusts
 * nothing it remembers. A member that renews its lease without confirming has lost the message and
 * is told again.
 */
export class Confirmations {
  readonly #waiting = new Map<string, Waiting>()
  #timer: NodeJS.Timeout | undefined

  get size(): number {
    return this.#waiting.size
  }

  /**
   * Waits for everybody but the sender.
   *
   * @param repeat - Publishes the message again.
   * @returns False when somebody neither confirmed nor lost its lease within `withinMs`.
   */
  wait(id: string, self: string, reply: BusReply, withinMs: number, repeat: () => void): Promise<boolean> {
    const nowMs = performance.now()
    const members = new Map<string, number>()
    for (const [member, leaseEndsMs] of reply.leases) {
      if (member !== self) members.set(member, nowMs + leaseEndsMs - reply.nowMs)
    }
    if (members.size === 0) return Promise.resolve(true)
    return new Promise((settle) => {
      this.#waiting.set(id, { members, settle, repeat, giveUpAtMs: nowMs + withinMs })
      this.#schedule()
    })
  }

  confirm(id: string, member: string): void {
    const waiting = this.#waiting.get(id)
    if (waiting?.members.delete(member) !== true) return
    if (waiting.members.size === 0) this.#settle(id, waiting, true)
  }

  /** A later look at the members: who renewed its lease is waited for anew, who left is not. */
  renewed(reply: BusReply): void {
    const nowMs = performance.now()
    for (const { members } of this.#waiting.values()) {
      for (const member of members.keys()) {
        const leaseEndsMs = reply.leases.get(member)
        if (leaseEndsMs !== undefined) members.set(member, nowMs + leaseEndsMs - reply.nowMs)
      }
    }
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (const [id, waiting] of this.#waiting) this.#settle(id, waiting, false)
  }

  #settle(id: string, waiting: Waiting, delivered: boolean): void {
    this.#waiting.delete(id)
    waiting.settle(delivered)
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#check()
      if (this.#waiting.size > 0) this.#schedule()
    }, repeatEveryMs)
  }

  #check(): void {
    const nowMs = performance.now()
    for (const [id, waiting] of this.#waiting) {
      for (const [member, leaseEndsMs] of waiting.members) {
        if (leaseEndsMs < nowMs) waiting.members.delete(member)
      }
      if (waiting.members.size === 0) this.#settle(id, waiting, true)
      else if (waiting.giveUpAtMs < nowMs) this.#settle(id, waiting, false)
      else waiting.repeat()
    }
  }
}
