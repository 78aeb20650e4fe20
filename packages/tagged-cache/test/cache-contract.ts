import { eventually } from '@stayfast/test-kit'
import type { Test } from 'tap'
import type { LoaderContext } from '../dist/index.js'
import { CountedLoader, type CacheProcess, type EngineSettings } from './open-cache.js'

/** What differs, and why. */
export interface ContractTraits {
  /** Processes that share what they store; memory has one. */
  readonly shared: boolean
}

type Open = (t: Test, options?: EngineSettings) => Promise<CacheProcess>

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

/** What a cache does, wherever it keeps things. */
export function cacheContract(t: Test, open: Open, traits: ContractTraits): void {
  t.test('a value is loaded once, and then answered until its time is over', async (t) => {
    const { cache } = await open(t)
    const loader = new CountedLoader({ a: 1 })
    const options = { ttlSeconds: 0.4, tags: ['x'] }
    for (let call = 0; call < 3; call++)
      t.strictSame(await cache.getOrSet('k', loader.load, options), { a: 1 })
    t.equal(loader.calls, 1)
    await eventually(
      async () => {
        await cache.getOrSet('k', loader.load, options)
        return loader.calls === 2
      },
      { everyMs: 50 },
    )
  })

  t.test('an invalidated tag makes every value with it a miss, and no other', async (t) => {
    const { cache } = await open(t)
    const loader = new CountedLoader(1)
    for (const [key, tags] of [
      ['a', ['x', 'y']],
      ['b', ['y']],
      ['c', ['z']],
    ] as const) {
      await cache.getOrSet(key, loader.load, { tags })
    }
    t.equal((await cache.invalidateTags(['y'])).delivered, true)
    t.strictSame(await cache.getMany(['a', 'b', 'c']), [undefined, undefined, 1])
    await cache.getOrSet('a', loader.load, { tags: ['x', 'y'] })
    t.equal(await cache.get('a'), 1)
    await cache.invalidateTags(['x', 'z', 'unheard of'])
    t.strictSame(await cache.getMany(['a', 'b', 'c']), [undefined, undefined, undefined])
    t.equal((await cache.invalidateTags([])).delivered, true)
  })

  t.test(
    'what comes back is a copy that nobody can change, the same after a miss as after a hit',
    async (t) => {
      const { cache } = await open(t)
      const source = { list: [{ n: 1 }], at: new Date(0) }
      const missed = await cache.getOrSet<unknown>('k', () => source)
      t.strictSame(missed, { list: [{ n: 1 }], at: '1970-01-01T00:00:00.000Z' })
      source.list.push({ n: 2 })
      t.throws(() => {
        const { list } = missed as typeof source
        list.push({ n: 3 })
      }, TypeError)
      t.strictSame(await cache.get('k'), { list: [{ n: 1 }], at: '1970-01-01T00:00:00.000Z' })
    },
  )

  t.test('what is not stored comes back like what is, and no caller changes what others got', async (t) => {
    const large = { list: ['x'.repeat(2000)], at: new Date(0) }
    for (const returns of ['frozen', 'copy'] as const) {
      const { cache } = await open(t, { maxEntryBytes: 1000, returns })
      for (const skips of [true, false]) {
        const load = async ({ skipStore }: LoaderContext): Promise<unknown> => {
          if (skips) skipStore()
          await Promise.resolve()
          return large
        }
        const [one, other] = await Promise.all([cache.getOrSet('k', load), cache.getOrSet('k', load)])
        t.strictSame(one, { ...large, at: '1970-01-01T00:00:00.000Z' })
        const push = (): void => {
          const { list } = one as typeof large
          list.push('changed')
        }
        if (returns === 'frozen') t.throws(push, TypeError)
        else push()
        t.strictSame(other, { ...large, at: '1970-01-01T00:00:00.000Z' })
        t.equal(await cache.get('k'), undefined)
      }
      t.equal(large.list.length, 1)
    }
  })

  t.test('with returns: copy every caller may change what it got', async (t) => {
    const { cache } = await open(t, { returns: 'copy' })
    for (let call = 0; call < 3; call++) {
      const list = await cache.getOrSet<number[]>('k', () => [1])
      t.strictSame(list, [1])
      list.push(2)
    }
    t.strictSame(await cache.get('k'), [1])
  })

  t.test('values come back exactly: empty, large, unicode, null, numbers and texts', async (t) => {
    const { cache } = await open(t)
    for (const [index, value] of [0, '', 'ü\n😀\u0000', null, [], {}, false, 'x'.repeat(100_000)].entries()) {
      await cache.set(`k${index}`, value)
      t.strictSame(await cache.get(`k${index}`), value)
    }
  })

  t.test('nothing is remembered of undefined, unless it is asked for', async (t) => {
    const { cache } = await open(t)
    const nothing = new CountedLoader<unknown>(undefined)
    for (let call = 0; call < 2; call++) t.equal(await cache.getOrSet('k', nothing.load), undefined)
    t.equal(nothing.calls, 2)
    const options = { negativeTtlSeconds: 60, tags: ['x'] }
    for (let call = 0; call < 2; call++) t.equal(await cache.getOrSet('n', nothing.load, options), undefined)
    t.equal(nothing.calls, 3)
    await cache.invalidateTags(['x'])
    nothing.value = 'now there is one'
    t.equal(await cache.getOrSet('n', nothing.load, options), 'now there is one')
  })

  t.test('a value that is set replaces the one before, with its tags', async (t) => {
    const { cache } = await open(t)
    await cache.set('k', 1, { tags: ['a'] })
    await cache.set('k', 2, { tags: ['b'] })
    await cache.invalidateTags(['a'])
    t.equal(await cache.get('k'), 2)
    await cache.invalidateTags(['b'])
    t.equal(await cache.get('k'), undefined)
  })

  t.test('a deleted key is a miss, and a load under way does not bring it back', async (t) => {
    const { cache } = await open(t)
    const loader = new CountedLoader('old')
    await cache.set('k', 'older')
    await cache.delete('k')
    t.equal(await cache.get('k'), undefined)
    loader.hold()
    const begun = loader.begun()
    const slow = cache.getOrSet('k', loader.load)
    await begun
    loader.value = 'new'
    await cache.delete('k')
    loader.release()
    t.equal(await slow, 'old')
    t.equal(await cache.get('k'), undefined)
    t.equal(await cache.getOrSet('k', loader.load), 'new')
  })

  t.test('a value that lacks a tag that is wanted is a miss', async (t) => {
    const { cache } = await open(t)
    const loader = new CountedLoader(1)
    await cache.getOrSet('k', loader.load, { tags: ['a'] })
    await cache.getOrSet('k', loader.load, { tags: ['a', 'b'] })
    t.equal(loader.calls, 2)
    await cache.getOrSet('k', loader.load, { tags: ['b'] })
    t.equal(loader.calls, 2)
    await cache.invalidateTags(['b'])
    t.equal(await cache.get('k'), undefined)
  })

  t.test('calls at the same moment share one load', async (t) => {
    const { cache, engine } = await open(t)
    const loader = new CountedLoader({ n: 1 })
    const values = await Promise.all(Array.from({ length: 200 }, () => cache.getOrSet('k', loader.load)))
    t.equal(loader.calls, 1)
    t.ok(values.every((value) => value === values[0]))
    t.match(engine.stats(), { coalesced: 199, misses: 200, hits: 0, loads: { count: 1 } })
  })

  t.test('a loader that fails wakes all who wait, and nothing is stored', async (t) => {
    const { cache } = await open(t)
    const failure = new Error('the database is away')
    const calls = Array.from({ length: 20 }, () =>
      cache.getOrSet('k', () => Promise.reject(failure)).catch((error: unknown) => error),
    )
    t.ok((await Promise.all(calls)).every((error) => error === failure))
    t.equal(await cache.get('k'), undefined)
    t.equal(await cache.getOrSet('k', () => 1), 1)
    await t.rejects(
      cache.getOrSet('s', () => {
        throw failure
      }),
      failure,
    )
  })

  t.test('a loader that hangs is given up, and its signal tells it', async (t) => {
    const { cache, engine } = await open(t)
    let reason: unknown
    const hanging = cache.getOrSet(
      'k',
      ({ signal }) =>
        new Promise(() => {
          signal.addEventListener('abort', () => {
            reason = signal.reason
          })
        }),
      { loaderTimeoutMs: 50 },
    )
    t.equal(await hanging.catch(codeOf), 'STAY_CACHE_LOADER_TIMEOUT')
    t.equal(codeOf(reason), 'STAY_CACHE_LOADER_TIMEOUT')
    t.equal(await cache.getOrSet('k', () => 1), 1)
    t.match(engine.stats().loads, { failed: 1, timedOut: 1, count: 2 })
  })

  t.test('who gives up waiting leaves the load to the others; the last one ends it', async (t) => {
    const { cache } = await open(t)
    const loader = new CountedLoader(1)
    loader.hold()
    let aborted = false
    const load = async ({ signal }: { readonly signal: AbortSignal }): Promise<number> => {
      signal.addEventListener('abort', () => {
        aborted = true
      })
      return loader.load()
    }
    const [one, two] = [new AbortController(), new AbortController()]
    const begun = loader.begun()
    const first = cache.getOrSet('k', load, { signal: one.signal })
    const second = cache.getOrSet('k', load, { signal: two.signal })
    await begun
    one.abort(new Error('the client left'))
    await t.rejects(first, { message: 'the client left' })
    t.notOk(aborted)
    two.abort()
    await t.rejects(second, { name: 'AbortError' })
    t.ok(aborted)
    loader.release()
    t.equal(loader.calls, 1)
    await t.rejects(cache.getOrSet('k', load, { signal: AbortSignal.abort() }), { name: 'AbortError' })
    const three = new AbortController()
    const leaving = cache.getOrSet(
      'left by its loader',
      async () => {
        three.abort()
        await new Promise((_resolve, reject) => setTimeout(reject, 10, new Error('nobody waits for it')))
      },
      { signal: three.signal },
    )
    await t.rejects(leaving, { name: 'AbortError' })
  })

  t.test('any number of calls may have one signal', async (t) => {
    const { cache } = await open(t)
    const warnings: Error[] = []
    const onWarning = (warning: Error): void => {
      warnings.push(warning)
    }
    process.on('warning', onWarning)
    t.teardown(() => {
      process.off('warning', onWarning)
    })
    const controller = new AbortController()
    const { signal } = controller
    const entries = Array.from({ length: 40 }, (_, index) => ({
      key: `warm ${index}`,
      loader: () => new Promise<number>((resolve) => setTimeout(resolve, 5, index)),
    }))
    t.match(await cache.warm(entries, { concurrency: 20, signal }), { warmed: 40 })
    const calls = entries.map(({ loader }, index) =>
      cache.getOrSet(`left ${index}`, loader, { signal }).catch((error: unknown) => error),
    )
    controller.abort(new Error('all of them leave'))
    for (const left of await Promise.all(calls)) t.match(left, { message: 'all of them leave' })
    await new Promise((resolve) => setTimeout(resolve, 10))
    t.strictSame(warnings, [])
  })

  t.test('behind its time a value is answered while one load makes the next', async (t) => {
    const { cache } = await open(t)
    const loader = new CountedLoader(1)
    const options = { ttlSeconds: 0.2, staleWhileRevalidateSeconds: 60, tags: ['x'] }
    await cache.getOrSet('k', loader.load, options)
    loader.value = 2
    await new Promise((resolve) => setTimeout(resolve, 250))
    loader.hold()
    const stale = await Promise.all(
      Array.from({ length: 20 }, () => cache.getOrSet('k', loader.load, options)),
    )
    t.ok(stale.every((value) => value === 1))
    t.equal(await cache.get('k'), 1)
    loader.release()
    await eventually(async () => (await cache.getOrSet('k', loader.load, options)) === 2)
    t.ok(loader.calls >= 2)
  })

  t.test('an invalidated value is never answered stale, nor in place of a loader that fails', async (t) => {
    const { cache } = await open(t)
    const options = {
      ttlSeconds: 0.05,
      staleWhileRevalidateSeconds: 60,
      staleIfErrorSeconds: 60,
      tags: ['x'],
    }
    await cache.getOrSet('k', () => 'old', options)
    await new Promise((resolve) => setTimeout(resolve, 100))
    await cache.invalidateTags(['x'])
    t.equal(await cache.get('k'), undefined)
    await t.rejects(
      cache.getOrSet('k', () => Promise.reject(new Error('away')), options),
      { message: 'away' },
    )
    t.equal(await cache.getOrSet('k', () => 'new', options), 'new')
  })

  t.test(
    'an expired value stands in for a loader that fails, unless it was invalidated meanwhile',
    async (t) => {
      const { cache, engine } = await open(t)
      const options = { ttlSeconds: 0.05, staleIfErrorSeconds: 60, tags: ['x'] }
      await cache.getOrSet('k', () => 'old', options)
      await new Promise((resolve) => setTimeout(resolve, 100))
      t.equal(await cache.get('k'), undefined, 'it is behind its time')
      t.equal(await cache.getOrSet('k', () => Promise.reject(new Error('away')), options), 'old')
      t.equal(engine.stats().staleServed, 1)
      await t.rejects(
        cache.getOrSet(
          'k',
          async () => {
            await cache.invalidateTags(['x'])
            throw new Error('away')
          },
          options,
        ),
        { message: 'away' },
      )
    },
  )

  t.test('a slow loader is covered by an older value, and goes on', async (t) => {
    const { cache } = await open(t)
    const loader = new CountedLoader('old')
    const options = { ttlSeconds: 0.05, staleIfErrorSeconds: 60, loaderSoftTimeoutMs: 30 }
    await cache.getOrSet('k', loader.load, options)
    await new Promise((resolve) => setTimeout(resolve, 100))
    loader.value = 'new'
    loader.hold()
    t.equal(await cache.getOrSet('k', loader.load, options), 'old')
    loader.release()
    await eventually(
      async () => (await cache.getOrSet('k', loader.load, { ...options, ttlSeconds: 60 })) === 'new',
    )
    t.ok(loader.calls >= 2)
  })

  t.test('early refresh makes the next value before the time of the last is over', async (t) => {
    const { cache } = await open(t, { earlyRefresh: 0.1 })
    const loader = new CountedLoader(1)
    const options = { ttlSeconds: 60, tags: ['x'] }
    await cache.getOrSet('k', loader.load, { ...options, ttlSeconds: 2 })
    loader.value = 2
    await new Promise((resolve) => setTimeout(resolve, 250))
    t.equal(await cache.getOrSet('k', loader.load, options), 1, 'nobody waits for it')
    await eventually(async () => (await cache.getOrSet('k', loader.load, options)) === 2)
    t.equal(loader.calls, 2)
  })

  t.test('tags that the loader adds count like those that were known', async (t) => {
    const { cache } = await open(t)
    let calls = 0
    const load = (): Promise<number> =>
      cache.getOrSet(
        'k',
        ({ addTags }) => {
          calls += 1
          addTags(['found:1', 'found:2', 'list'])
          return calls
        },
        { tags: ['list'] },
      )
    t.equal(await load(), 1)
    t.equal(await load(), 1)
    await cache.invalidateTags(['found:2'])
    t.equal(await load(), 2)
    t.equal(await load(), 2)
    await cache.invalidateTags(['list'])
    t.equal(await load(), 3)
  })

  t.test(
    'a tag that the loader adds and that was invalidated since it began keeps the value out',
    async (t) => {
      const { cache, events } = await open(t)
      const old = await cache.getOrSet('k', async ({ addTags }) => {
        await cache.invalidateTags(['late'])
        addTags(['late'])
        return 'old'
      })
      t.equal(old, 'old')
      t.equal(await cache.get('k'), undefined)
      t.ok(events.some((event) => event.kind === 'not-stored' && event.reason === 'late-tag'))
    },
  )

  t.test('skipStore gives the value to those who wait and keeps it from everybody else', async (t) => {
    const { cache } = await open(t)
    t.equal(
      await cache.getOrSet('k', ({ skipStore }) => {
        skipStore()
        return 1
      }),
      1,
    )
    t.equal(await cache.get('k'), undefined)
  })

  t.test('a value that is too large is answered and not stored; what is no JSON is refused', async (t) => {
    const { cache } = await open(t, { maxEntryBytes: 1000 })
    const large = 'x'.repeat(2000)
    t.equal(await cache.getOrSet('k', () => large), large)
    t.equal(await cache.get('k'), undefined)
    t.equal(await cache.set('k', large).catch(codeOf), 'STAY_CACHE_TOO_LARGE')
    const wide = '数'.repeat(400)
    await t.rejects(cache.set('k', wide), {
      code: 'STAY_CACHE_TOO_LARGE',
      message: /takes 1202 bytes and may take 1000/,
    })
    t.equal(await cache.getOrSet('k', () => wide), wide)
    t.equal(await cache.get('k'), undefined, 'bytes are counted, not letters')
    t.equal(await cache.getOrSet('k', () => 1n).catch(codeOf), 'STAY_CACHE_VALUE_INVALID')
    t.equal(await cache.set('k', () => 1).catch(codeOf), 'STAY_CACHE_VALUE_INVALID')
    const cycle: Record<string, unknown> = {}
    cycle['self'] = cycle
    t.equal(await cache.set('k', cycle).catch(codeOf), 'STAY_CACHE_VALUE_INVALID')
    t.equal(await cache.set('k', undefined).catch(codeOf), 'STAY_CACHE_VALUE_INVALID')
    t.equal(await cache.get('k'), undefined)
    t.equal(await cache.getOrSet('k', () => 'there it is'), 'there it is')
  })

  t.test('a key, a tag and an option that cannot be one are refused with a word on why', async (t) => {
    const { cache } = await open(t)
    const load = (): number => 1
    t.equal(await cache.getOrSet('', load).catch(codeOf), 'STAY_CACHE_KEY_INVALID')
    t.equal(await cache.get('').catch(codeOf), 'STAY_CACHE_KEY_INVALID')
    t.equal(await cache.getOrSet('k', load, { tags: [''] }).catch(codeOf), 'STAY_CACHE_KEY_INVALID')
    t.equal(await cache.invalidateTags(['']).catch(codeOf), 'STAY_CACHE_KEY_INVALID')
    for (const options of [
      { ttlSeconds: 0 },
      { ttlSeconds: NaN },
      { ttlSecond: 1 },
      { consistency: 'weak' },
      { tags: 'x' },
      { tags: '' },
      { signal: { aborted: false } },
    ]) {
      const wrong: object = options
      t.equal(await cache.getOrSet('k', load, wrong).catch(codeOf), 'STAY_CACHE_OPTION_INVALID')
    }
  })

  t.test('what is no list of tags is refused, for it would invalidate nothing', async (t) => {
    const { cache } = await open(t)
    for (const wrong of [undefined, null, 'products', '', new Set(['products'])]) {
      const call: unknown = Reflect.apply(cache.invalidateTags.bind(cache), cache, [wrong])
      t.equal(await Promise.resolve(call).catch(codeOf), 'STAY_CACHE_OPTION_INVALID')
      const load = cache.getOrSet('k', ({ addTags }) => {
        Reflect.apply(addTags, undefined, [wrong])
      })
      t.equal(await load.catch(codeOf), 'STAY_CACHE_OPTION_INVALID')
    }
  })

  t.test('a tenant is alone with its keys and its tags, whatever they hold', async (t) => {
    const { cache } = await open(t)
    const names = ['1', 'a', '1:a', '@1', '@@1', '#1', ':', '%', 'a:b', '*', '{1}', 'ü', 'x'.repeat(600)]
    const scopes = [
      { name: 'all', cache },
      ...names.map((id) => ({ name: `tenant ${id}`, cache: cache.forTenant(id) })),
      ...names.map((id) => ({ name: `module ${id}`, cache: cache.namespace(id) })),
      { name: 'both', cache: cache.forTenant('1').namespace('1') },
      { name: 'both, other way', cache: cache.namespace('1').forTenant('1') },
    ]
    for (const { name, cache } of scopes) {
      for (const key of names) await cache.set(key, `${name} ${key}`, { tags: names })
    }
    for (const { name, cache } of scopes) {
      for (const key of names) t.equal(await cache.get(key), `${name} ${key}`)
    }
    await cache.forTenant('a').invalidateTags(names)
    t.equal(await cache.forTenant('a').get('a'), undefined)
    t.equal(await cache.get('a'), 'all a')
    t.equal(await cache.forTenant('1').get('a'), 'tenant 1 a')
    await cache.forTenant('1').clear()
    t.equal(await cache.forTenant('1').get('a'), undefined)
    t.equal(await cache.forTenant('1').namespace('1').get('a'), undefined, 'what is inside goes with it')
    t.equal(await cache.namespace('1').forTenant('1').get('a'), 'both, other way a')
    t.equal(await cache.get('a'), 'all a')
    await cache.clear()
    for (const { cache } of scopes) t.equal(await cache.get('1'), undefined)
  })

  t.test('warming loads a few at a time, tells how far it is, and can be ended', async (t) => {
    const { cache } = await open(t)
    let running = 0
    let most = 0
    const entries = Array.from({ length: 40 }, (_, index) => ({
      key: `w${index}`,
      loader: async () => {
        running += 1
        most = Math.max(most, running)
        await new Promise((resolve) => setTimeout(resolve, 2))
        running -= 1
        if (index === 7) throw new Error('not this one')
        return index
      },
    }))
    const progress: number[] = []
    const result = await cache.warm(entries, {
      concurrency: 4,
      onProgress: ({ warmed, failed }) => progress.push(warmed + failed),
    })
    t.match(result, { warmed: 39, failed: 1, aborted: false, error: { message: 'not this one' } })
    t.ok(most <= 4)
    t.strictSame(
      progress,
      Array.from({ length: 40 }, (_, index) => index + 1),
    )
    t.equal(await cache.get('w3'), 3)
    const controller = new AbortController()
    const ended = await cache.warm(
      (async function* () {
        for (let index = 0; ; index++) {
          if (index === 10) controller.abort()
          yield { key: `e${index}`, loader: () => index }
        }
      })(),
      { signal: controller.signal, concurrency: 1 },
    )
    t.match(ended, { aborted: true, failed: 0 })
    t.ok(ended.warmed <= 10)
    t.equal(await cache.warm([], { concurrency: 0 }).catch(codeOf), 'STAY_CACHE_OPTION_INVALID')
    const misspelt: object = { concurency: 4 }
    t.equal(await cache.warm([], misspelt).catch(codeOf), 'STAY_CACHE_OPTION_INVALID')
  })

  t.test('warming that cannot go on ends its list, and no load outlives it', async (t) => {
    const { cache } = await open(t)
    let running = 0
    let ended = 0
    const entries = function* (failsAt: number) {
      try {
        for (let index = 0; index < 20; index++) {
          if (index === failsAt) throw new Error('the list ends early')
          yield {
            key: `e${failsAt}${index}`,
            loader: async () => {
              running += 1
              await new Promise((resolve) => setTimeout(resolve, 5 + index))
              running -= 1
            },
          }
        }
      } finally {
        ended += 1
      }
    }
    await t.rejects(cache.warm(entries(6), { concurrency: 4 }), { message: 'the list ends early' })
    t.strictSame([running, ended], [0, 1])
    const onProgress = (): never => {
      throw new Error('nobody counts')
    }
    await t.rejects(cache.warm(entries(-1), { concurrency: 4, onProgress }), { message: 'nobody counts' })
    t.strictSame([running, ended], [0, 2])
  })

  t.test('the numbers add up', async (t) => {
    const { cache } = await open(t)
    await cache.getOrSet('k', () => 'x'.repeat(1000))
    await cache.getOrSet('k', () => 'never')
    await cache.get('k')
    await cache.get('nobody')
    await cache.set('s', 1)
    await cache.delete('s')
    await cache.invalidateTags(['x', 'y'])
    const stats = await cache.stats()
    t.match(stats, { hits: 2, misses: 2, hitRate: 50, totalKeys: 1, sets: 1, deletes: 1, invalidations: 2 })
    t.ok(stats.memoryUsage > 1000 && stats.memoryUsage < 2000)
    t.match(await cache.stats({ scope: 'fleet' }), { hits: 2, processes: 1, silent: 0, totalKeys: 1 })
    const misspelt: object = { scope: 'flet' }
    t.equal(await cache.stats(misspelt).catch(codeOf), 'STAY_CACHE_OPTION_INVALID')
  })

  t.test('a closed cache refuses, and whoever waited is told', async (t) => {
    const { cache, engine } = await open(t)
    const loader = new CountedLoader(1)
    loader.hold()
    const begun = loader.begun()
    const waiting = cache.getOrSet('k', loader.load).catch(codeOf)
    await begun
    await engine.close(0)
    t.equal(await waiting, 'STAY_CACHE_CLOSED')
    t.equal(await cache.getOrSet('k', loader.load).catch(codeOf), 'STAY_CACHE_CLOSED')
    const writes = [cache.set('k', 1), cache.delete('k'), cache.invalidateTags(['x']), cache.clear()]
    for (const write of writes) t.equal(await write.catch(codeOf), 'STAY_CACHE_CLOSED')
    loader.release()
    t.equal(traits.shared, engine.shared !== undefined)
  })
}
