import t from 'tap'
import { AlarmBoard, type Observation } from '../dist/alarms/alarm-board.js'
import { Threshold } from '../dist/alarms/threshold.js'

const limits = { side: 'above', raise: 0.8, clear: 0.72 } as const

/** What each of these values, sampled in turn, changed. */
function changes(values: readonly (number | undefined)[], threshold = new Threshold()): string {
  return values.map((value) => threshold.observe(value, limits)?.slice(0, 1) ?? '.').join('')
}

t.test('an alarm is raised by the third value in a row, and cleared by the third', async (t) => {
  t.equal(changes([0.9, 0.9, 0.9, 0.9, 0.5, 0.5, 0.5, 0.5]), '..r...c.')
  t.equal(changes([0.9, 0.9, 0.1, 0.9, 0.9, 0.1]), '......', 'single peaks raise nothing')
})

t.test('a value that swings around its limit is told once', async (t) => {
  const threshold = new Threshold()
  t.equal(changes([0.81, 0.81, 0.81], threshold), '..r')
  const swinging = Array.from({ length: 200 }, (_, index) => (Math.floor(index / 4) % 2 === 0 ? 0.79 : 0.81))
  t.equal(changes(swinging, threshold), '.'.repeat(200))
  t.equal(threshold.raised, true)
})

t.test('a value that is not known changes nothing', async (t) => {
  t.equal(changes([0.9, undefined, 0.9, undefined, 0.9]), '....r')
})

t.test('below works the other way round', async (t) => {
  const threshold = new Threshold()
  const ratio = { side: 'below', raise: 0.5, clear: 0.55 } as const
  const seen = [0.4, 0.4, 0.4, 0.52, 0.52, 0.52, 0.6, 0.6, 0.6].map((value) =>
    threshold.observe(value, ratio),
  )
  t.strictSame(
    seen.flatMap((change, index) => (change === undefined ? [] : [`${index}: ${change}`])),
    ['2: raised', '8: cleared'],
  )
})

t.test('each alarm is told in one line when it comes and one when it goes, with what to do', async (t) => {
  const lines: string[] = []
  const board = new AlarmBoard({
    info: (_details, message) => lines.push(`info ${message}`),
    warn: (_details, message) => lines.push(`warn ${message}`),
  })
  const observe = (value: number): void => {
    const observation: Observation = {
      alarm: 'memory',
      of: 'default',
      value,
      limits,
      shown: `${value * 100} % of maxmemory`,
      advice: 'Take a larger plan.',
    }
    board.observe(observation)
  }
  for (let sample = 0; sample < 50; sample += 1) observe(0.9)
  t.match(board.raised, [{ alarm: 'memory', of: 'default', value: '90 % of maxmemory' }])
  for (let sample = 0; sample < 50; sample += 1) observe(0.1)
  t.strictSame(board.raised, [])
  t.strictSame(lines, [
    'warn health: memory (default) 90 % of maxmemory. Take a larger plan.',
    'info health: memory (default) is well again, 10 % of maxmemory',
  ])
})
