import {
  installFolders,
  lookForRedisServer,
  noRedisServer,
  type RedisServerBinary,
} from './find-redis-server.js'
import { hasApt, installWithApt, unpackWithApt } from './apt-redis-server.js'

/**
 * Finds a redis-server or, on Debian and Ubuntu, installs one: the one place where something is installed.
 *
 * @param say is given a line about what happens
 * @throws an Error that names the command to run when there is none and none can be installed
 */
export async function provideRedisServer(say: (line: string) => void): Promise<RedisServerBinary> {
  const found = await lookForRedisServer()
  if (found) {
    say(`redis-server: found ${found.version} at ${found.path}`)
    return found
  }
  if (!(await hasApt())) throw new Error(noRedisServer())
  say('redis-server: none found, installing with apt-get …')
  try {
    if (process.getuid?.() === 0) await installWithApt(installFolders())
    else await unpackWithApt(installFolders())
  } catch (error) {
    throw new Error(`${noRedisServer()}\nInstalling it failed: ${String(error)}`, { cause: error })
  }
  const installed = await lookForRedisServer()
  if (!installed) throw new Error(`${noRedisServer()}\nWhat apt-get installed does not run here.`)
  say(`redis-server: installed ${installed.version} at ${installed.path}`)
  return installed
}
