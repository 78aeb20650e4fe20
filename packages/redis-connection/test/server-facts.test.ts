import t from 'tap'
import { parseServerFacts } from '../dist/server-facts.js'

t.test('a Valkey that does not pass for Redis tells its mode under a name of its own', async (t) => {
  const info = 'redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\nserver_mode:cluster\r\n'
  t.match(parseServerFacts(info), { engine: 'valkey', version: '8.0.1', mode: 'cluster' })
})

t.test('a field that is missing or strange is left open', async (t) => {
  t.match(parseServerFacts('redis_version:7.0.15\r\nredis_mode:upside-down\r\nmaxmemory:a lot\r\n'), {
    engine: 'redis',
    version: '7.0.15',
    mode: 'unknown',
    maxMemoryBytes: undefined,
  })
  t.match(parseServerFacts(''), { version: 'unknown', mode: 'unknown', loading: false })
})
