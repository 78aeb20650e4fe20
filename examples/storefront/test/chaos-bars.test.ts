import t from 'tap'
import { barsOf } from '../chaos-dist/bars.js'
import { type FaultResult } from '../chaos-dist/fault-result.js'

const calm = { requests: 100, p50Ms: 3, p99Ms: 20 }

/** A fault that cost nothing. */
const flawless: FaultResult = {
  fault: 'frozen',
  topology: 'single',
  title: 'frozen',
  keepsData: true,
  requests: 200,
  byOutcome: { ok: 190, refused: 10, unknown: 0, 'signed-out': 0, failed: 0, rejected: 0, unanswered: 0 },
  byCode: { STAY_INSTANCE_UNKNOWN: 10 },
  longest: { milliseconds: 1_000, kind: 'products', outcome: 'ok' },
  inDetection: { requests: 100, p50Ms: 500, p99Ms: 1_000 },
  outsideDetection: calm,
  slowestOutside: [],
  acknowledged: { redis: 20, buffered: 5 },
  lost: { redis: 0, buffered: 0 },
  lostOfLastMinute: 0,
  unsettled: 0,
  wronglyUnknown: 0,
  unknownBeforeReplay: 0,
  wrong: [],
  notUpAfterMs: 1_000,
  upAfterMs: 100,
  lastTroubleAfterMs: null,
  readBackMs: 10,
  stale: { judged: 900, own: 0, duringOutage: 3, outside: 0, oldestMs: 900 },
  people: {
    departures: { left: 9, risenHere: 0, risen: 0 },
    admissions: { max: 500, admitted: 500, denied: 300 },
    deliveries: { sent: 80, accepted: 60, duplicates: 20, deferred: 20, failed: 0, lost: 0, doubled: 0 },
  },
  deaths: [],
  logLines: 3,
  lagMs: 5,
  resources: null,
}

const missed = (change: Partial<FaultResult>): string[] =>
  barsOf({ ...flawless, ...change }).flatMap(({ name, met }) => (met ? [] : [name]))
const outcome = (change: Partial<FaultResult['byOutcome']>): Partial<FaultResult> => ({
  byOutcome: { ...flawless.byOutcome, ...change },
})

t.test('a fault that cost nothing but documented refusals meets its bars', async (t) => {
  t.same(missed({}), [])
})

t.test('where data is kept, each loss and each undocumented answer misses a bar', async (t) => {
  t.same(missed({ lost: { redis: 1, buffered: 0 } }), ['0 acknowledged writes lost'])
  t.same(missed({ lost: { redis: 0, buffered: 1 } }), ['0 acknowledged writes lost'])
  t.same(missed({ unsettled: 1 }), ['0 acknowledged writes lost'])
  t.same(missed({ wronglyUnknown: 1 }), ['0 instances wrongly unknown'])
  t.same(missed(outcome({ 'signed-out': 1 })), ['nobody signed out'])
  for (const kind of ['failed', 'rejected', 'unanswered']) {
    t.same(missed(outcome({ [kind]: 1 })), ['0 errors but the documented 503'], kind)
  }
})

t.test('where Redis forgets, only what was acknowledged in the last minute has to be there', async (t) => {
  t.same(missed({ keepsData: false, lost: { redis: 9, buffered: 0 }, wronglyUnknown: 9 }), [])
  t.same(missed({ keepsData: false, lost: { redis: 9, buffered: 0 }, lostOfLastMinute: 1 }), [
    '0 lost of those acknowledged in the last 60 s',
  ])
})

t.test('slowness, a process that ends and a link that stays down miss a bar', async (t) => {
  t.same(missed({ outsideDetection: { ...calm, p99Ms: 100 } }), ['p99 outside the 2 s of detection < 100 ms'])
  t.same(missed({ deaths: ['SIGSEGV'] }), ['no process ends'])
  t.same(missed({ upAfterMs: null }), ['recovers by itself'])
})

t.test('a stale answer of the process itself, or outside the outage, misses a bar', async (t) => {
  const stale = (change: Partial<FaultResult['stale']>): string[] =>
    missed({ stale: { ...flawless.stale, ...change } })
  t.same(stale({ own: 1 }), ['0 stale answers that the promise forbids'])
  t.same(stale({ outside: 1 }), ['0 stale answers that the promise forbids'])
  t.same(stale({ duringOutage: 100 }), [])
})

t.test('sessions that rise, events and admissions too many miss a bar', async (t) => {
  const { people } = flawless
  if (people === null) throw new Error('There are people.')
  const { departures, admissions, deliveries } = people
  t.same(missed({ people: { ...people, departures: { ...departures, risen: 1 } } }), ['0 sessions risen'])
  t.same(missed({ people: { ...people, departures: { ...departures, risenHere: 1 } } }), ['0 sessions risen'])
  t.same(missed({ people: { ...people, admissions: { ...admissions, admitted: 1001 } } }), [
    'at most 1000 admitted of 500 in the window',
  ])
  for (const [kind, bar] of [
    ['lost', '0 accepted events lost'],
    ['doubled', '0 events with a double effect'],
    ['failed', '0 webhooks answered but 2xx and 503'],
  ] as const) {
    const change = { people: { ...people, deliveries: { ...deliveries, [kind]: 1 } } }
    t.same(missed(change), [bar])
    t.same(missed({ ...change, keepsData: false }), [], 'where Redis forgets it is stated')
  }
  t.same(missed({ people: null }), [], 'a plain app has none of that')
})

t.test('growth over many cycles misses a bar', async (t) => {
  const steady = { samples: 50, earlyRssBytes: 100, lateRssBytes: 105, earlyHandles: 30, lateHandles: 31 }
  const process = (change: Partial<typeof steady>): Partial<FaultResult> => ({
    resources: { processes: [steady, { ...steady, ...change }] },
  })
  t.same(missed(process({})), [])
  t.same(missed(process({ lateRssBytes: 120 })), ['memory flat'])
  t.same(missed(process({ lateHandles: 35 })), ['handles flat'])
})
