import t from 'tap'
import { outagePicture } from '../chaos-dist/outage-picture.js'

t.test('each request is a dot, and the caption counts those of the outage', async (t) => {
  const picture = outagePicture(
    [
      {
        title: 'A plain app',
        outageMs: 5_000,
        requests: [
          { sentAfterMs: -1_000, milliseconds: 3, outcome: 'ok' },
          { sentAfterMs: 1_000, milliseconds: 15_000, outcome: 'unanswered' },
          { sentAfterMs: 2_000, milliseconds: 2, outcome: 'refused' },
          { sentAfterMs: 60_000, milliseconds: 2, outcome: 'ok' },
        ],
      },
    ],
    'frozen',
  )
  t.match(picture, /^<svg [^]*<\/svg>\n$/)
  t.equal(picture.match(/<circle class="\w+" cx="[\d.]+" cy="[\d.]+" r="2.4"\/>/g)?.length, 3, 'in sight')
  t.match(picture, 'A plain app: 0 % answered in 100 ms, 50 % 503, 50 % failed, longest 15.0 s')
})
