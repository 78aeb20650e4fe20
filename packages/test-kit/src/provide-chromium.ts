import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { hasApt } from './apt-redis-server.js'

export interface Chromium {
  path: string
  version: string
}

const execute = promisify(execFile)
const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']
const macApp = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'
/** Another suite may be installing something at the same time. */
const lockTimeoutSeconds = 120

/**
 * Finds a Chromium or, as root on Debian, installs one. For the tests that need a browser alone: whoever
 * runs none of them gets none.
 *
 * @param say is given a line about what happens
 * @throws an Error that names the command to run when there is none and none can be installed
 */
export async function provideChromium(say: (line: string) => void): Promise<Chromium> {
  const found = await lookForChromium()
  if (found) return found
  if (process.getuid?.() !== 0 || !(await hasApt())) throw new Error(noChromium())
  say('chromium: none found, installing with apt-get …')
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const waiting = ['-o', `DPkg::Lock::Timeout=${lockTimeoutSeconds}`]
    await execute('apt-get', [...waiting, 'update'], { env })
    await execute('apt-get', [...waiting, 'install', '-y', '--no-install-recommends', 'chromium'], {
      env,
      maxBuffer: 64 * 1024 * 1024,
    })
  } catch (error) {
    throw new Error(`${noChromium()}\nInstalling it failed: ${String(error)}`, { cause: error })
  }
  const installed = await lookForChromium()
  if (!installed) throw new Error(`${noChromium()}\nWhat apt-get installed does not run here.`)
  say(`chromium: installed ${installed.version} at ${installed.path}`)
  return installed
}

/** `CHROMIUM_BIN`, then the PATH, then where macOS keeps it. */
async function lookForChromium(): Promise<Chromium | undefined> {
  const named = process.env['CHROMIUM_BIN']
  if (named) {
    const chromium = await identify(named)
    if (!chromium) throw new Error(`CHROMIUM_BIN is ${named}, which is no Chromium that runs here.`)
    return chromium
  }
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean)
  const candidates = folders.flatMap((folder) => names.map((name) => join(folder, name)))
  for (const path of [...candidates, macApp]) {
    const chromium = await identify(path)
    if (chromium) return chromium
  }
  return undefined
}

/** What to do when there is no browser, per system. */
function noChromium(): string {
  return [
    'No Chromium was found: CHROMIUM_BIN is not set and there is none on the PATH. Install one:',
    '  Debian:  sudo apt-get install chromium',
    '  Ubuntu:  sudo snap install chromium',
    '  macOS:   brew install --cask chromium',
    '  Fedora:  sudo dnf install chromium',
    'or set CHROMIUM_BIN to the path of a Chromium or Chrome.',
  ].join('\n')
}

async function identify(path: string): Promise<Chromium | undefined> {
  try {
    await access(path, constants.X_OK)
    const { stdout } = await execute(path, ['--version'])
    const version = /(\d+(?:\.\d+){2,})/.exec(stdout)?.[1]
    return version === undefined ? undefined : { path, version }
  } catch {
    // Not there or not a program: the next candidate.
    return undefined
  }
}
