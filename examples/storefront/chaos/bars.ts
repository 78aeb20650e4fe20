import { type FaultResult } from './fault-result.js'

export interface Bar {
  /** What is asked. */
  name: string
  met: boolean
  /** What was measured. */
  measured: string
}

const p99Ms = 100
/** Growth that a garbage collector that takes its time explains. */
const flatRssShare = 1.1
const flatHandles = 2

/**
 * What is asked of this fault. Where Redis itself forgets, losses are stated and not judged, but for what the
 * processes can offer again: what was acknowledged in the last 60 s.
 */
export function barsOf(result: FaultResult): readonly Bar[] {
  return [
    ...(result.keepsData ? whereDataIsKept(result) : whereItIsNot(result)),
    bar(
      `p99 outside the 2 s of detection < ${p99Ms} ms`,
      result.outsideDetection.p99Ms < p99Ms,
      `${result.outsideDetection.p99Ms} ms`,
    ),
    bar('recovers by itself', result.upAfterMs !== null, result.upAfterMs === null ? 'never' : 'yes'),
    bar('no process ends', result.deaths.length === 0, result.deaths.join('; ') || '0'),
    ...neverStaleOrRisen(result),
    ...whatStaysFlat(result),
  ]
}

function whereDataIsKept(result: FaultResult): Bar[] {
  const lost = result.lost.redis + result.lost.buffered + result.unsettled
  const { failed, rejected, unanswered, 'signed-out': signedOut } = result.byOutcome
  return [
    bar('0 acknowledged writes lost', lost === 0, String(lost)),
    bar('0 instances wrongly unknown', result.wronglyUnknown === 0, String(result.wronglyUnknown)),
    bar('nobody signed out', signedOut === 0, String(signedOut)),
    bar(
      '0 errors but the documented 503',
      failed + rejected + unanswered === 0,
      `${failed} other 5xx, ${rejected} other 4xx, ${unanswered} unanswered`,
    ),
    ...wherePeopleAreCounted(result),
  ]
}

function wherePeopleAreCounted({ people }: FaultResult): Bar[] {
  if (people === null) return []
  const { admissions, deliveries } = people
  const most = admissions.max + admissions.max
  return [
    bar('0 accepted events lost', deliveries.lost === 0, String(deliveries.lost)),
    bar('0 events with a double effect', deliveries.doubled === 0, String(deliveries.doubled)),
    bar('0 webhooks answered but 2xx and 503', deliveries.failed === 0, String(deliveries.failed)),
    bar(
      `at most ${most} admitted of ${admissions.max} in the window`,
      admissions.admitted <= most,
      String(admissions.admitted),
    ),
  ]
}

/** Whatever Redis forgets. */
function neverStaleOrRisen({ stale, people }: FaultResult): Bar[] {
  const told = `${stale.own} by the process itself, ${stale.outside} by the other outside the outage`
  const risen = people === null ? 0 : people.departures.risen + people.departures.risenHere
  return [
    bar('0 stale answers that the promise forbids', stale.own + stale.outside === 0, told),
    ...(people === null ? [] : [bar('0 sessions risen', risen === 0, String(risen))]),
  ]
}

function whereItIsNot({ lostOfLastMinute }: FaultResult): Bar[] {
  return [
    bar('0 lost of those acknowledged in the last 60 s', lostOfLastMinute === 0, String(lostOfLastMinute)),
  ]
}

function whatStaysFlat({ resources }: FaultResult): Bar[] {
  if (resources === null) return []
  const { processes } = resources
  const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(0)
  return [
    bar(
      'memory flat',
      processes.every(({ earlyRssBytes, lateRssBytes }) => lateRssBytes <= earlyRssBytes * flatRssShare),
      processes.map((own) => `${mib(own.earlyRssBytes)} → ${mib(own.lateRssBytes)} MiB`).join(', '),
    ),
    bar(
      'handles flat',
      processes.every(({ earlyHandles, lateHandles }) => lateHandles <= earlyHandles + flatHandles),
      processes.map(({ earlyHandles, lateHandles }) => `${earlyHandles} → ${lateHandles}`).join(', '),
    ),
  ]
}

function bar(name: string, met: boolean, measured: string): Bar {
  return { name, met, measured }
}
