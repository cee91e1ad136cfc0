/** Debian's Chromium, without a window: one for all tests of a file. */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { after } from 'node:test'
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from 'playwright-core'
import { ADMIN } from './dashboard-node.ts'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome']

let browser: Promise<Browser> | undefined

after(async () => (await browser)?.close())

/** A page of a browser that knows nothing yet. Its errors are the test's: see `faults`. */
export async function openPage(options: BrowserContextOptions = {}): Promise<{ page: Page; faults: string[] }> {
  browser ??= chromium.launch({ executablePath: executable(), args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] })
  const context: BrowserContext = await (
    await browser
  ).newContext({ viewport: { width: 1280, height: 860 }, ...options })
  const page = await context.newPage()
  // Machines that test are slow at times; nothing here waits for a time to pass.
  page.setDefaultTimeout(30_000)
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(error.message))
  return { page, faults }
}

export async function login(page: Page, { username, password }: { username: string; password: string } = ADMIN) {
  await page.getByLabel('User name').fill(username)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Log in' }).click()
}

/** How many pixels the page, or anything in it, can be scrolled sideways; but for what is meant to. */
export function sidewaysPx(page: Page): Promise<number> {
  return page.evaluate<number>(`(() => {
    const over = (element) => element.scrollWidth - element.clientWidth
    return Math.max(over(document.documentElement), over(document.querySelector('main')))
  })()`)
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
