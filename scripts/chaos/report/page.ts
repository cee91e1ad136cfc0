/** The page of a run: what holds and what does not, a picture of each scenario, and its figures. One file, nothing to load. Pure. */
import type { Case, Verdict } from '../checker/verdict.ts'
import { duration, healOf, number, type Outcome, outcomeOf, sumOf, worstFirst } from './figures.ts'
import { escaped, listMarkup, tableMarkup } from './markup.ts'
import { STYLE } from './page-style.ts'
import type { JudgedScenario, ScenarioResult } from './scenario-result.ts'
import { timelineOf } from './timeline.ts'

const OUTCOMES: Readonly<Record<Outcome, { readonly name: string; readonly words: string }>> = {
  held: { name: 'held', words: 'holds' },
  broken: { name: 'broken', words: 'does not hold' },
  failed: { name: 'failed-run', words: 'broke off' },
  skipped: { name: 'skipped', words: 'was skipped' },
}

/** @param heading what this run was: when, of which commit, by which command */
export function pageOf(results: readonly ScenarioResult[], heading: readonly string[]): string {
  const ordered = worstFirst(results)
  const held = results.filter((result) => outcomeOf(result) === 'held').length
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Isthmus chaos: ${held} of ${results.length} hold</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${number(held)} of ${number(results.length)} scenarios hold</h1>
${heading.map((line) => `<p class="quiet">${escaped(line)}</p>`).join('\n')}
${overview(ordered)}
${ordered.map(section).join('\n')}
</main>
</body>
</html>
`
}

function overview(results: readonly ScenarioResult[]): string {
  return tableMarkup({
    caption: 'Deliveries count a message once for each subscriber that was to have it. Worst first.',
    head: [
      'Scenario',
      'Outcome',
      'Due',
      'Delivered',
      'Lost',
      'Twice',
      'Out of order',
      'Astray',
      'Healed in',
      'Median',
      'Longest pause',
    ],
    rows: results.map((result) => {
      const outcome = OUTCOMES[outcomeOf(result)].words
      if (result.type !== 'judged') return [result.name, outcome, ...Array.from({ length: 9 }, () => '–')]
      const { expected, delivered, lost, doubled, outOfOrder, misdelivered } = sumOf(result.verdict)
      const { worstMs, medianMs, gapMs, isForever } = healOf(result.verdict)
      const counts = [expected, delivered, lost, doubled, outOfOrder, misdelivered].map(number)
      const times = [isForever ? 'never' : spell(worstMs), spell(medianMs), duration(gapMs)]
      return [result.name, outcome, ...counts, ...times]
    }),
  })
}

const spell = (ms: number | undefined): string => (ms === undefined ? '–' : duration(ms))

function section(result: ScenarioResult): string {
  const { name, words } = OUTCOMES[outcomeOf(result)]
  const head = `<h2>${escaped(result.name)}<span class="badge ${name}">${words}</span></h2><p>${escaped(result.about)}</p>`
  const body = result.type === 'judged' ? judged(result.name, result) : `<p>${escaped(result.reason)}</p>`
  return `<section id="${escaped(result.name)}">${head}${listMarkup('notes', result.notes)}${body}</section>`
}

function judged(name: string, scenario: JudgedScenario): string {
  const { verdict } = scenario
  return [
    listMarkup(
      'findings',
      verdict.findings.map(({ words }) => words),
    ),
    `<figure><div class="scroll">${timelineOf(name, scenario)}</div>${legendOf(scenario)}</figure>`,
    listMarkup('notes', verdict.notes),
    talliesOf(verdict),
    healingsOf(verdict),
    accountsOf(verdict),
    casesOf(verdict.cases, scenario.fromMs),
  ].join('\n')
}

/** Only states that occur. */
function legendOf({ states }: JudgedScenario): string {
  const seen = [...new Set(states.map(({ status }) => status))].toSorted()
  const entries = [
    ['fault', 'a fault lasts'],
    ['due', 'published, once for each subscriber'],
    ['delivered', 'delivered (both logarithmic, per second)'],
    ...seen.map((status) => [status, `link ${status}`]),
  ]
  const items = entries.map(([name = '', words = '']) => `<li><i class="${escaped(name)}"></i>${escaped(words)}</li>`)
  return `<ul class="legend">${items.join('')}</ul>`
}

function talliesOf({ tallies }: Verdict): string {
  return tableMarkup({
    caption: 'By QoS: what publishers were told, and what subscribers got',
    head: [
      'QoS',
      'Published',
      'Accepted',
      'Refused',
      'Unanswered',
      'Due',
      'Delivered',
      'Lost',
      'Twice',
      'Resent',
      'Out of order',
      'Astray',
    ],
    rows: tallies.map((it) =>
      [
        it.qos,
        it.published,
        it.acknowledged,
        it.refused,
        it.unanswered,
        it.expected,
        it.delivered,
        it.lost,
        it.doubled,
        it.resent,
        it.outOfOrder,
        it.misdelivered,
      ].map(number),
    ),
  })
}

const HEALINGS_MAX = 30

function healingsOf({ healings }: Verdict): string {
  // Hundreds of flaps are told by their worst.
  const worst = healings
    .filter(({ pairs }) => pairs > 0)
    .toSorted((one, other) => (other.healMs ?? Infinity) - (one.healMs ?? Infinity))
  const more = worst.length - HEALINGS_MAX
  return tableMarkup({
    caption: `Faults, slowest healed first${more > 0 ? `; ${more} quicker ones are left out` : ''}`,
    head: ['Fault', 'Kind', 'Healed in', 'Longest pause', 'Pairs', 'Last to move'],
    rows: worst
      .slice(0, HEALINGS_MAX)
      .map(({ fault, kind, healMs, gapMs, pairs, last = '', isOverlapped }) => [
        fault,
        kind,
        `${healMs === undefined ? 'never' : duration(healMs)}${isOverlapped ? ' (another fault came meanwhile)' : ''}`,
        duration(gapMs),
        number(pairs),
        last,
      ]),
  })
}

function accountsOf({ accounts }: Verdict): string {
  return tableMarkup({
    caption: 'Acknowledged messages that are missing or came twice, against what the ledgers say',
    head: ['From', 'To', 'Missing', 'With a crash', 'Ledgers say', 'No trace', 'Twice', 'Receivers say', 'No trace'],
    rows: accounts.map((it) => [
      it.from,
      it.to,
      ...[
        it.lost,
        it.crashed,
        it.claimedDropped,
        it.lostWithoutTrace,
        it.doubled,
        it.claimedDoubled,
        it.doubledWithoutTrace,
      ].map(number),
    ]),
  })
}

function casesOf(cases: readonly Case[], fromMs: number): string {
  if (cases.length === 0) return ''
  const table = tableMarkup({
    caption: 'The first 20 of each kind',
    head: ['What', 'Publisher', 'Number', 'QoS', 'Subscriber', 'At'],
    rows: cases.map(({ what, publisher, sequence, qos, subscriber, atMs }) => [
      what.replaceAll('_', ' '),
      publisher,
      number(sequence),
      number(qos),
      subscriber,
      `${((atMs - fromMs) / 1_000).toFixed(2)} s`,
    ]),
  })
  return `<details><summary>Single messages</summary>${table}</details>`
}
