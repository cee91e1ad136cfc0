/** The table and the drawing that are made of figures: nothing but the figures decides what they look like. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Figure } from '../../../scripts/bench/link/figures.ts'
import { plotOf } from '../../../scripts/bench/link/plot.ts'
import { tableOf } from '../../../scripts/bench/link/table.ts'

const figures: readonly Figure[] = [
  {
    cell: 'QoS 0 <64 B>',
    unit: 'us',
    series: [
      { name: 'Isthmus', rounds: [0.5, 0.4, 0.6] },
      { name: 'A & B', rounds: [6, 5, 9] },
    ],
    budget: { most: 0.1, of: ['A & B'] },
  },
  {
    cell: 'QoS 1',
    unit: 'us',
    series: [
      { name: 'Isthmus', rounds: [1] },
      { name: 'NATS', rounds: [Number.NaN], flaws: '4 lost' },
    ],
    budget: { most: 0.1, of: ['NATS'] },
  },
  { cell: 'p99', unit: 'ms', series: [{ name: 'Isthmus', rounds: [10] }], budget: { most: 5 } },
]

test('a table has a row for each case, a column for each contestant, and the verdict', () => {
  assert.deepEqual(tableOf('A link', ['two cores'], figures).split('\n'), [
    '# A link',
    '',
    'Medians over the rounds, lowest and highest in brackets. Where a budget is a ratio, it is the median of the rounds’ ratios.',
    '',
    '- two cores',
    '',
    '| case | unit | Isthmus | A & B | NATS | against the budget | budget |  |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    '| QoS 0 <64 B> | us | 0.500 (0.400-0.600) | 6.00 (5.00-9.00) |  | 0.0800 (0.0667-0.0833) | 0.1 of A & B | met |',
    '| QoS 1 | us | 1.00 (1.00-1.00) |  | ~~-~~ 4 lost |  | 0.1 | not judged |',
    '| p99 | ms | 10.0 (10.0-10.0) |  |  | 10.0 (10.0-10.0) | 5 | **missed** |',
    '',
  ])
})

/** Attributes of the shapes of one kind, in their order. */
function shapes(svg: string, kind: string, attribute: string): number[] {
  return [...svg.matchAll(new RegExp(`<${kind} [^>]*\\b${attribute}="([\\d.]+)"`, 'g'))].map(([, value]) =>
    Number(value),
  )
}

/** In the panel of `us` two decades, 0.1 to 10, lie on 580 units from 350 on. */
const x = (value: number): number => 350 + (Math.log10(value) + 1) * 290

test('a drawing puts medians, ranges and budgets where they belong', () => {
  const svg = plotOf('A link', figures)
  assert.equal(svg, plotOf('A link', figures), 'the same figures, the same text')
  assert.ok(svg.includes('QoS 0 &lt;64 B&gt;') && svg.includes('A &amp; B') && svg.includes('NATS: 4 lost'), svg)
  // The first three are the legend.
  const dots = shapes(svg, 'circle', 'cx').slice(3)
  assert.deepEqual(
    dots.slice(0, 3).map((dot) => dot.toFixed(1)),
    [0.5, 6, 1].map((value) => x(value).toFixed(1)),
  )
  const dashed = [...svg.matchAll(/<line x1="([\d.]+)"[^>]*dasharray/g)].map(([, at]) => at)
  assert.equal(dashed.length, 2, 'the second figure has nobody to be compared with')
  assert.equal(dashed[0], x(0.6).toFixed(1), 'a tenth of the other one’s median')
  const opened = svg.match(/<(svg|text)\b/g)?.length
  assert.equal(opened, svg.match(/<\/(svg|text)>/g)?.length, 'every element that has text is closed')
})

test('a drawing of nothing is one, too', () => assert.match(plotOf('nothing', []), /^<svg [^]*<\/svg>\n$/))
