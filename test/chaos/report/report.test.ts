/** The report says what the judge found, and its page is a page: in a real browser, light and dark, narrow and wide. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { chromium } from 'playwright-core'
import { judge } from '../../../scripts/chaos/checker/judge.ts'
import { ratesOf } from '../../../scripts/chaos/checker/rates.ts'
import type { Fault, Guarantees } from '../../../scripts/chaos/checker/verdict.ts'
import type { ScenarioResult } from '../../../scripts/chaos/report/scenario-result.ts'
import { writeReport } from '../../../scripts/chaos/report/write-report.ts'
import { chromiumOptions } from '../../dashboard/chromium.ts'
import { History, timeOf } from '../checker/history.ts'

const GUARANTEES: Guarantees = { loss: 'none', doubles: 'none', order: 'kept', healMsMax: 1_000 }
const COUNT = 3_000

function scenario(name: string, plant: (history: History) => void): ScenarioResult {
  const history = new History(
    [
      { name: 'eu-p1', cluster: 'eu', topic: 'eu/q1', qos: 1 },
      { name: 'us-p2', cluster: 'us', topic: 'us/q2', qos: 2 },
    ],
    [
      { name: 'at-us', cluster: 'us', filter: '#', qos: 2 },
      { name: 'at-eu', cluster: 'eu', filter: 'us/#', qos: 2 },
    ],
    COUNT,
  )
  plant(history)
  const observed = history.observed()
  const faults: Fault[] = [
    { name: 'cut: <eu> & us', kind: 'cut', fromMs: timeOf(500), toMs: timeOf(1_000) },
    { name: 'kill: us-1', kind: 'kill', fromMs: timeOf(2_000), toMs: timeOf(2_200) },
  ]
  return {
    type: 'judged',
    name,
    about: 'The link between two clusters is cut, then a node is killed.',
    notes: ['no namespaces here: only root makes them'],
    fromMs: observed.fromMs,
    toMs: observed.toMs,
    faults,
    verdict: judge(observed, { faults, guarantees: GUARANTEES }),
    rates: ratesOf(observed),
    states: [
      { atMs: 0, node: 'eu-1', link: 'us', status: 'running' },
      { atMs: timeOf(520), node: 'eu-1', link: 'us', status: 'degraded', reasons: ['no connection: <refused>'] },
      { atMs: timeOf(1_050), node: 'eu-1', link: 'us', status: 'running' },
      { atMs: 0, node: 'us-1', link: 'eu', status: 'running' },
      { atMs: timeOf(2_000), node: 'us-1', link: 'eu', status: 'unreachable' },
      { atMs: timeOf(2_200), node: 'us-1', link: 'eu', status: 'connecting' },
      { atMs: timeOf(2_230), node: 'us-1', link: 'eu', status: 'running' },
    ],
    ledgers: [],
  }
}

/** The backlog of a cut comes at once when it is over. */
function cut(history: History): void {
  for (let sequence = 500; sequence < 1_000; sequence += 1)
    history.delay('at-us', 'eu-p1', sequence, timeOf(1_000) - timeOf(sequence) - 1)
}

const results: readonly ScenarioResult[] = [
  scenario('link-cut', cut),
  scenario('link-cut-and-loss', (history) => {
    cut(history)
    history.lose('at-us', 'eu-p1', 700, 701)
    history.delay('at-eu', 'us-p2', 80, 11)
  }),
  {
    type: 'skipped',
    name: 'packet-loss',
    about: 'Packets are dropped.',
    notes: [],
    reason: 'only root makes namespaces',
  },
  { type: 'failed', name: 'broke', about: 'It breaks.', notes: [], reason: 'a node did not start: <bind>' },
]

test('a run is told as a table, as a page and as figures', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-report-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const table = writeReport(results, directory, ['isthmus chaos --seed 7'])

  await t.test('the table has a line for each, and what does not hold, worst first', () => {
    assert.equal(readFileSync(join(directory, 'report.txt'), 'utf8'), `${table}\n`)
    const lines = table.split('\n')
    assert.match(lines[0]!, /^scenario +outcome +due +delivered/)
    assert.match(lines[1]!, /^link-cut +held +9,000 +9,000 +0 /)
    assert.match(lines[2]!, /^link-cut-and-loss +broken +9,000 +8,998 +2 +2 +0 +1 +0 /)
    const words = lines.slice(5).filter((line) => line !== '')
    assert.equal(words[0], 'link-cut-and-loss does not hold:')
    assert.match(words[1]!, /^ {2}lost_without_trace: eu to us: 2 acknowledged messages lost without a trace/)
    assert.match(words[2]!, /^ {2}out_of_order: 1 message came after a later one/)
    assert.deepEqual(words.slice(3), [
      'broke failed: a node did not start: <bind>',
      'packet-loss skipped: only root makes namespaces',
    ])
  })

  await t.test('the figures can be read again', () => {
    assert.deepEqual(JSON.parse(readFileSync(join(directory, 'results.json'), 'utf8')), results)
  })

  const browser = await chromium.launch(chromiumOptions())
  t.after(() => browser.close())
  for (const colorScheme of ['light', 'dark'] as const)
    await t.test(`the page, ${colorScheme}`, async () => {
      const context = await browser.newContext({ colorScheme, viewport: { width: 1280, height: 900 } })
      const page = await context.newPage()
      page.setDefaultTimeout(30_000)
      const faults: string[] = []
      page.on('pageerror', (error) => faults.push(error.message))
      page.on('request', (request) => {
        if (!request.url().startsWith('file:')) faults.push(`it loads ${request.url()}`)
      })
      await page.goto(pathToFileURL(join(directory, 'report.html')).href)
      assert.equal(await page.locator('h1').textContent(), '1 of 4 scenarios hold')
      assert.deepEqual(await page.locator('section > h2').allTextContents(), [
        'link-cut-and-lossdoes not hold',
        'brokebroke off',
        'packet-losswas skipped',
        'link-cutholds',
      ])
      assert.match((await page.locator('.findings li').first().textContent()) ?? '', /lost without a trace/)
      assert.equal(await page.locator('#link-cut svg rect.fault').count(), 2)
      assert.equal(await page.locator('#link-cut svg polyline.delivered').count(), 3)
      assert.equal(await page.locator('#link-cut svg rect.state.unreachable').count(), 1)
      assert.equal(await page.locator('#link-cut svg text.fault-name').first().textContent(), 'cut: <eu> & us')
      assert.match(
        (await page.locator('#link-cut rect.degraded title').textContent()) ?? '',
        /no connection: <refused>/,
      )
      const [paper, ink] = await page.evaluate<string[]>(
        '[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]',
      )
      assert.equal(brightness(paper!) > brightness(ink!), colorScheme === 'light')
      // On a phone only what is meant to goes sideways.
      await page.setViewportSize({ width: 380, height: 800 })
      assert.equal(
        await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth'),
        0,
      )
      assert.deepEqual(faults, [])
      await context.close()
    })
})

const brightness = (colour: string): number =>
  (colour.match(/\d+/g) ?? []).slice(0, 3).reduce((sum, part) => sum + Number(part), 0)
