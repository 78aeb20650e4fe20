import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { OffLink, OutageReporter, type LinkState, type RedisLink, type StateListener } from '../dist/index.js'

/** A link whose state the test sets by hand. */
class ManualLink implements RedisLink {
  readonly #off = new OffLink('manual')
  readonly #listeners = new Set<StateListener>()
  readonly name: string
  readonly traits = this.#off.traits
  readonly clock = this.#off.clock
  readonly keyPrefix = ''
  readonly channelPrefix = ''
  state: LinkState
  counters = { answered: 0, refused: 0, missed: 0, connected: 1 }

  constructor(name: string, state: LinkState = { status: 'up', sinceMs: 0 }) {
    this.name = name
    this.state = state
  }

  get status(): LinkState['status'] {
    return this.state.status
  }

  run<T>(): Promise<T> {
    return this.#off.run()
  }

  subscribe(): { close(): void } {
    return this.#off.subscribe()
  }

  onChange(listener: StateListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  onRenewed(): () => void {
    return () => undefined
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  become(state: LinkState): void {
    const previous = this.state
    this.state = state
    for (const listener of this.#listeners) listener(state, previous)
  }

  down(message = 'connection refused'): void {
    this.become({ status: 'down', sinceMs: performance.now(), cause: new Error(message) })
  }

  up(): void {
    this.become({ status: 'up', sinceMs: performance.now() })
  }
}

function report(t: Test, ...links: ManualLink[]): { lines: string[]; reporter: OutageReporter } {
  mock.timers.enable({ apis: ['setTimeout'] })
  const lines: string[] = []
  const reporter = new OutageReporter({
    logger: { info: (line) => lines.push(`info: ${line}`), warn: (line) => lines.push(`warn: ${line}`) },
    describe: ({ message }) => `${message}.`,
  })
  for (const link of links) reporter.watch(link)
  t.teardown(() => {
    reporter.stop()
    mock.timers.reset()
  })
  return { lines, reporter }
}

t.test('ten links through an outage of 61 s write three lines', async (t) => {
  const links = Array.from({ length: 10 }, (_, index) => new ManualLink(`role-${index}`))
  const { lines } = report(t, ...links)
  for (const link of links) link.down()
  for (let second = 0; second < 61; second++) {
    mock.timers.tick(1000)
    for (const link of links) {
      link.down()
      link.counters.refused += 50
    }
  }
  for (const link of links) link.up()
  t.equal(lines.length, 3)
  t.match(lines[0], /^warn: Redis is away \(role-0, .*role-9\): connection refused\. The app keeps serving/)
  t.match(
    lines[1],
    /^warn: Redis is still away after .*30000 commands were refused or unanswered meanwhile\.$/,
  )
  t.match(lines[2], /^info: Redis is back after .* s: role-0/)
})

t.test('a hiccup that is over before anybody could look is not told', async (t) => {
  const link = new ManualLink('default')
  const { lines } = report(t, link)
  link.become({ status: 'suspect', sinceMs: 0, cause: new Error('late') })
  mock.timers.tick(200)
  link.up()
  mock.timers.tick(120_000)
  t.strictSame(lines, [])
})

t.test('a link that is connecting for the first time is waited for, and told when that fails', async (t) => {
  const link = new ManualLink('default', { status: 'connecting', sinceMs: 0 })
  const { lines } = report(t, link)
  mock.timers.tick(5000)
  t.strictSame(lines, [])
  link.down()
  mock.timers.tick(250)
  t.match(lines, [/Redis is away \(default\): connection refused/])
})

t.test('an outage that changes its face is told again, once', async (t) => {
  const link = new ManualLink('default')
  const { lines } = report(t, link)
  link.down('connection refused')
  mock.timers.tick(1000)
  for (let times = 0; times < 50; times++) {
    link.down('wrong password')
    link.down('connection refused')
  }
  t.equal(lines.length, 2)
  t.match(lines[1], /still away \(default\): wrong password/)
})

t.test('a link that flaps each second for a minute writes few lines and counts the rest', async (t) => {
  const link = new ManualLink('default')
  const { lines } = report(t, link)
  for (let second = 0; second < 60; second++) {
    link.down()
    mock.timers.tick(500)
    link.up()
    mock.timers.tick(500)
  }
  mock.timers.tick(1000)
  t.ok(lines.length <= 5, lines.join('\n'))
  t.match(lines.at(-1), /came and went 5\d more times/)
})

t.test('a reporter that was stopped says nothing more and holds no timer', async (t) => {
  const link = new ManualLink('default')
  const { lines, reporter } = report(t, link)
  link.down()
  reporter.stop()
  mock.timers.tick(300_000)
  link.up()
  t.strictSame(lines, [])
})
