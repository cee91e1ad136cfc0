/** Debian's Chromium, without a window: one for all tests of a file. */
import { after } from 'node:test'
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from 'playwright-core'
import { chromiumOptions } from './chromium.ts'
import { ADMIN } from './dashboard-node.ts'

let browser: Promise<Browser> | undefined

after(async () => (await browser)?.close())

/** A page of a browser that knows nothing yet. Its errors are the test's: see `faults`. */
export async function openPage(options: BrowserContextOptions = {}): Promise<{ page: Page; faults: string[] }> {
  browser ??= chromium.launch(chromiumOptions())
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
