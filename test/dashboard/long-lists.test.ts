/** A thousand links and their actors, ten thousand clients: what is drawn is what can be seen. The lists are made up, the pages are not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page, Route } from 'playwright-core'
import { login, openPage } from './browser.ts'
import { DashboardNode } from './dashboard-node.ts'
import { actors, clients, linkRows, links } from './made-up-lists.ts'

/** Lines that a screen may have, with those beyond its edges that the keyboard reaches. */
const LINES_MAX = 80
/** What the node cuts a list into. */
const PAGE_MAX = 100

const json = (route: Route, body: unknown): Promise<void> =>
  route.fulfill({ contentType: 'application/json', body: JSON.stringify(body) })

async function answerMadeUp(page: Page): Promise<void> {
  await page.route(/api\/v5\/cluster\/links$/, (route) => json(route, links(1_000)))
  await page.route(/api\/v5\/clients\?/, (route) => {
    const query = new URL(route.request().url()).searchParams
    return json(route, clients(10_000, Number(query.get('page')), Number(query.get('limit'))))
  })
  await page.route(/api\/v5\/actors$/, (route) => json(route, actors(1_000)))
  await page.route(/api\/v5\/live/, (route) =>
    route.fulfill({
      contentType: 'text/event-stream',
      body: `event: links\ndata: ${JSON.stringify(linkRows(1_000))}\n\n`,
    }),
  )
}

test('long lists are drawn as far as they can be seen', async (t) => {
  const node = new DashboardNode(t, { cluster: { name: 'us-east' } })
  await node.start()
  const { page, faults } = await openPage()
  await page.goto(`${node.url}/#/links`)
  await answerMadeUp(page)
  await login(page)

  await t.test('a thousand links, from the first to the last', async () => {
    await page.getByText('1,000 links').waitFor()
    assert.ok((await page.locator('.rows .row').count()) <= LINES_MAX)
    await page.evaluate(`document.querySelector('.rows').scrollTo({ top: 1e6 })`)
    await page.getByRole('link', { name: 'peer-0999' }).waitFor()
    assert.ok((await page.locator('.rows .row').count()) <= LINES_MAX)
  })

  await t.test('a thousand links on the map are groups, and those that few are like', async () => {
    await page.goto(`${node.url}/#/map`)
    await page.getByRole('link', { name: /^\d+ running: out/ }).waitFor()
    await page.getByRole('link', { name: /^peer-0007: failed/ }).waitFor()
    assert.ok((await page.locator('.map-peer').count()) <= 42)
    await page.getByRole('link', { name: /^\d+ degraded/ }).click()
    await page.getByRole('button', { name: /^degraded \d+/, pressed: true }).waitFor()
  })

  await t.test('ten thousand clients, page by page', async () => {
    await page.goto(`${node.url}/#/clients`)
    await page.getByText('10,000 fit').waitFor()
    assert.equal(await page.getByRole('rowheader').count(), PAGE_MAX)
    await page.getByRole('button', { name: 'Next' }).click()
    await page.getByRole('link', { name: 'client-00100' }).waitFor()
    assert.equal(await page.getByRole('rowheader').count(), PAGE_MAX)
  })

  await t.test('the actors of a thousand links', async () => {
    await page.goto(`${node.url}/#/actors`)
    await page.getByText(/^5,001 actors/).waitFor()
    assert.ok((await page.locator('.rows .row').count()) <= LINES_MAX)
    await page.getByRole('searchbox').fill('peer-0999/forwarding')
    await page.getByRole('link', { name: 'forwarding', exact: true }).waitFor()
  })
  assert.deepEqual(faults, [])
})
