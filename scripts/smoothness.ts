/**
 * Does the dashboard stay smooth with 1,000 links of which all change each second, 10,000 clients, and the actors of 1,000 links? It
 * scrolls each list for some seconds in a real browser and prints a line for each page: frames per second, the 99th percentile between
 * two frames, and the tasks over 50 ms with the longest of them. `node dist/scripts/smoothness.js`
 *
 * Left out: the node's own work (the lists are made up) and the network. Numbers of two machines do not compare; without a display
 * Chromium draws by the processor, so that a desktop does better.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Page } from 'playwright-core'
import { createNode } from '../src/index.ts'
import { chromiumOptions } from '../test/dashboard/chromium.ts'
import { actors, clients, linkRows, links } from '../test/dashboard/made-up-lists.ts'
import { readLocalToken } from '../test/api/node-with-api.ts'

const LINKS = 1_000
const CLIENTS = 10_000
const SECONDS = 5
const PASSWORD = 'a-password-for-numbers-1'

const dataDir = mkdtempSync(join(tmpdir(), 'isthmus-smoothness-'))
const node = createNode({
  node: { name: 'n1@127.0.0.1', data_dir: dataDir },
  cluster: { name: 'us-east' },
  listeners: { tcp: { default: { bind: '127.0.0.1:0' } } },
  dashboard: { listeners: { http: { bind: '127.0.0.1:0' } }, default_username: 'admin', default_password: PASSWORD },
})
await node.start()
const browser = await chromium.launch(chromiumOptions())
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 860 } })
  await makeUp(page)
  const { url } = readLocalToken(dataDir)
  await page.goto(url)
  await page.getByLabel('User name').fill('admin')
  await page.getByLabel('Password').fill(PASSWORD)
  await page.getByRole('button', { name: 'Log in' }).click()
  for (const [address, shown, scrolled] of [
    ['links', '1,000 links', '.rows'],
    ['map', '1,000 links', '#main'],
    ['clients', '10,000 fit', '#main'],
    ['actors', '5,001 actors', '.rows'],
    ['overview', 'All 1,000 links', '#main'],
  ] as const) {
    await page.goto(`${url}/#/${address}`)
    await page.getByText(shown).first().waitFor()
    const { frames, p99Ms, long, longestMs } = await measure(page, scrolled)
    const line = `${frames.toFixed(0)} frames/s, p99 ${p99Ms.toFixed(0)} ms, ${long} tasks over 50 ms`
    process.stdout.write(
      `${address.padEnd(9)} ${line}${long === 0 ? '' : `, the longest ${longestMs.toFixed(0)} ms`}\n`,
    )
  }
} finally {
  await browser.close()
  await node.stop()
  rmSync(dataDir, { recursive: true })
}

function answer(body: unknown): { contentType: string; body: string } {
  return { contentType: 'application/json', body: JSON.stringify(body) }
}

async function makeUp(page: Page): Promise<void> {
  await page.route(/api\/v5\/cluster\/links$/, (route) => route.fulfill(answer(links(LINKS))))
  await page.route(/api\/v5\/actors$/, (route) => route.fulfill(answer(actors(LINKS))))
  await page.route(/api\/v5\/clients\?/, (route) => {
    const query = new URL(route.request().url()).searchParams
    return route.fulfill(answer(clients(CLIENTS, Number(query.get('page')), Number(query.get('limit')))))
  })
  const turns = [0, 1, 2, 3].map((turn) => `event: links\ndata: ${JSON.stringify(linkRows(LINKS, turn))}\n\n`)
  // A stream that goes on, as the node's does.
  await page.addInitScript(`{
    const turns = ${JSON.stringify(turns)}, before = window.fetch, encoder = new TextEncoder()
    window.fetch = (url, init) => {
      if (!String(url).includes('/live?')) return before(url, init)
      let turn = 0, timer
      const stream = new ReadableStream({
        start(to) {
          const tell = () => to.enqueue(encoder.encode(turns[turn++ % turns.length]))
          tell()
          timer = setInterval(tell, 1000)
          init.signal.addEventListener('abort', () => { clearInterval(timer); to.error(new Error('aborted')) })
        },
      })
      return Promise.resolve(new Response(stream))
    }
  }`)
}

type Figures = { readonly frames: number; readonly p99Ms: number; readonly long: number; readonly longestMs: number }

function measure(page: Page, scrolled: string): Promise<Figures> {
  return page.evaluate<Figures>(`new Promise((resolve) => {
    const element = document.querySelector('${scrolled}'), gaps = [], tasks = []
    const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries().map((entry) => entry.duration)))
    observer.observe({ type: 'longtask' })
    const begun = performance.now()
    let last = begun, step = 90
    const frame = (now) => {
      gaps.push(now - last)
      last = now
      const top = element.scrollTop
      element.scrollBy(0, step)
      if (element.scrollTop === top) step = -step
      if (now - begun < ${SECONDS * 1_000}) return requestAnimationFrame(frame)
      observer.disconnect()
      gaps.sort((a, b) => a - b)
      resolve({
        frames: gaps.length / ((now - begun) / 1000),
        p99Ms: gaps[Math.floor(gaps.length * 0.99)],
        long: tasks.length,
        longestMs: Math.max(0, ...tasks),
      })
    }
    requestAnimationFrame(frame)
  })`)
}
