/** Operations per second, in slices between each other. */
export interface Sample {
  readonly own: number
  readonly bare: number
}

/** What one cache did in a run of the benchmark. */
export interface PeerResult {
  readonly name: string
  readonly version: string
  /** Multiples of the bare way, medians; undefined where the peer has no such thing. */
  readonly localHit: number | undefined
  readonly redisHit: number | undefined
  readonly missAndSet: number | undefined
  /** Loaders that ran for 1000 calls in 4 processes. */
  readonly loaders: number
  readonly samples: Readonly<Record<string, readonly Sample[]>>
}

/** What bench/results/peers.json holds. */
export interface PeersReport {
  readonly benchmark: string
  readonly runs: number
  readonly valueBytes: number
  readonly tags: number
  /** Operations per second of the bare way, medians. */
  readonly bare: {
    readonly localHit: number
    readonly redisHit: number
    readonly missAndSet: number
  }
  readonly peers: readonly PeerResult[]
  readonly invalidation: { readonly keys: number; readonly redisUs: number }
  readonly bars: {
    readonly localHit: number
    readonly redisHit: number
    readonly missAndSet: number
    readonly redisUs: number
  }
  readonly versions: Readonly<Record<string, string>>
  readonly machine: { readonly cpus: number; readonly model: string }
}

const begin = '<!-- figures of bench/results/peers.json, by pnpm bench -->'
const end = '<!-- end of figures -->'

function percent(multiple: number | undefined): string {
  return multiple === undefined
    ? '–'
    : `${multiple >= 0.1 ? Math.round(multiple * 100) : (multiple * 100).toFixed(1)} %`
}

/** The README with the figures of this report between its marks. */
export function withPeerFigures(
  readme: string,
  { runs, valueBytes, tags, bare, peers, invalidation, versions, machine }: PeersReport,
): string {
  const rows = peers.map(
    ({ name, version, localHit, redisHit, missAndSet, loaders }) =>
      `| ${name}${version === '' ? '' : ` ${version}`} | ${percent(localHit)} | ${percent(redisHit)} | ${percent(missAndSet)} | ${loaders} |`,
  )
  const table = [
    '| | hit in memory | hit in Redis, memory cold | miss and set | loaders for 1,000 calls in 4 processes |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    '',
    `In percent of the bare way, measured in slices between the slices of each cache: a Map read through an async function (${bare.localHit.toLocaleString('en')} a second); \`GET\` and \`JSON.parse\` with ioredis, 64 at a time (${bare.redisHit.toLocaleString('en')}); \`GET\` and \`SET\`, 64 at a time (${bare.missAndSet.toLocaleString('en')}), until all is stored. Medians of ${runs} runs after one to warm up, ${valueBytes} bytes of JSON, ${tags} tags, Node ${versions['node'] ?? ''}, Redis ${versions['redis'] ?? ''}, ${machine.cpus} cores. A tag of ${invalidation.keys.toLocaleString('en')} keys is invalidated in ${invalidation.redisUs} µs of Redis time.`,
  ].join('\n')
  const [from, to] = [readme.indexOf(begin), readme.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`The README has lost its marks: ${begin} … ${end}`)
  return `${readme.slice(0, from + begin.length)}\n\n${table}\n\n${readme.slice(to)}`
}
