import {
  eventually,
  type FaultProxy,
  type RedisServer,
  startFaultProxy,
  startRedisServer,
} from '@stayfast/test-kit'
import { type Fault, type Stage } from './fault.js'

type Moves = Pick<Stage, 'strike' | 'heal'>
type Described = Pick<Fault, 'name' | 'title'> & Partial<Fault>

/** One server, with an append-only file: what it acknowledged survives a kill, unless it comes back empty. */
export const singleFaults: readonly Fault[] = [
  onServer(
    { name: 'killed-aof', title: 'killed, and restarted with its append-only file', short: true },
    (redis) => ({ strike: () => redis.kill(), heal: () => redis.restart({ keepData: true }) }),
  ),
  onServer(
    { name: 'killed-no-aof', title: 'killed, and restarted empty', keepsData: false, short: true },
    (redis) => ({ strike: () => redis.kill(), heal: () => redis.restart() }),
  ),
  onServer({ name: 'frozen', title: 'frozen (SIGSTOP)', short: true }, freezing),
  onServer({ name: 'full', title: 'out of memory, and freed', short: true }, (redis) => ({
    strike: () => redis.fillMemory(),
    heal: () => redis.freeMemory(),
  })),
  onNetwork(
    { name: 'black-holed-one', title: 'black-holed for one of two processes', strikes: 'first' },
    ([first]) => [first],
    (proxy) => proxy.blackHole(),
  ),
  onNetwork(
    { name: 'black-holed-both', title: 'black-holed for both processes' },
    (proxies) => proxies,
    (proxy) => proxy.blackHole(),
  ),
  onNetwork(
    { name: 'refused', title: 'connections refused' },
    (proxies) => proxies,
    (proxy) => proxy.refuse(),
  ),
  onServer({ name: 'cycles', title: 'frozen and thawed, again and again', repeated: true }, freezing),
]

function freezing(redis: RedisServer): Moves {
  return {
    strike: () => redis.freeze(),
    heal: () => redis.thaw(),
  }
}

/** A fault of the server, which the processes reach directly. */
function onServer(described: Described, movesOf: (redis: RedisServer) => Moves): Fault {
  return fault(described, async () => {
    const redis = await startRedisServer({ appendOnly: true })
    const environment = { REDIS_URL: redis.url }
    return {
      ...movesOf(redis),
      environments: [environment, environment],
      close: () => redis.stop(),
    }
  })
}

/** A fault of the network, in a proxy of its own for each process. */
function onNetwork(
  described: Described,
  struck: (proxies: readonly [FaultProxy, FaultProxy]) => readonly FaultProxy[],
  strike: (proxy: FaultProxy) => void | Promise<void>,
): Fault {
  return fault(described, async () => {
    const redis = await startRedisServer({ appendOnly: true })
    const proxies = [await startFaultProxy(redis), await startFaultProxy(redis)] as const
    const [first, second] = proxies
    return {
      environments: [{ REDIS_URL: first.url(redis.url) }, { REDIS_URL: second.url(redis.url) }],
      strike: async () => {
        for (const proxy of struck(proxies)) await strike(proxy)
      },
      heal: async () => {
        for (const proxy of struck(proxies)) await proxy.restore()
      },
      close: async () => {
        // The processes have gone: their connections end by themselves, in order, over a wire that works.
        for (const proxy of proxies) await proxy.restore()
        await eventually(() => proxies.every(({ connections }) => connections === 0))
        await Promise.all(proxies.map((proxy) => proxy.stop()))
        await redis.stop()
      },
    }
  })
}

function fault(described: Described, open: () => Promise<Stage>): Fault {
  return {
    topology: 'single',
    keepsData: true,
    mendsItself: false,
    strikes: 'both',
    repeated: false,
    short: false,
    ...described,
    open,
  }
}
