/** The browser of this machine, wherever it was installed. */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { LaunchOptions } from 'playwright-core'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome']

/** Without a window. It throws if there is none. */
export function chromiumOptions(): LaunchOptions {
  return { executablePath: executable(), args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] }
}

function executable(): string {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const name of NAMES) {
      const path = join(folder, name)
      if (isExecutable(path)) return path
    }
  }
  throw new Error(`no ${NAMES.join(', ')} in PATH: bash scripts/setup-tests.sh`)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    // Not there, or not for us.
    return false
  }
}
