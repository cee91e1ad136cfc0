/**
 * Figures as a drawing (SVG): one panel for each unit, one line for each case and contestant. A dot is the median, a bar goes from
 * the lowest to the highest round, a stroke across shows how far the budget reaches. Logarithmic. The same figures give the same text.
 */
import { median } from '../bench.ts'
import { digits, type Figure, judge, type Series } from './figures.ts'

const LEFT = 350
const WIDTH = 1_020
const RIGHT = 90
const ROW = 16
const GAP = 10
const HEAD = 34
const COLOURS = ['#0b6e4f', '#c0392b', '#2c6fbb', '#b7791f', '#7d3c98', '#5d6d7e']

type Scale = { readonly x: (value: number) => number; readonly ticks: readonly number[] }

export function plotOf(title: string, figures: readonly Figure[]): string {
  const names = [...new Set(figures.flatMap(({ series }) => series.map(({ name }) => name)))]
  const colourOf = (name: string): string => COLOURS[names.indexOf(name) % COLOURS.length]!
  const body: string[] = []
  let y = 28
  body.push(text(12, y, title, 'font-weight="bold" font-size="15"'))
  y += 24
  for (const [index, name] of names.entries()) {
    const x = 12 + index * 165
    body.push(`<circle cx="${x + 5}" cy="${y - 4}" r="5" fill="${colourOf(name)}"/>`, text(x + 15, y, name))
  }
  y += 8
  for (const unit of new Set(figures.map((figure) => figure.unit))) {
    const panel = drawPanel(
      unit,
      figures.filter((figure) => figure.unit === unit),
      y,
      colourOf,
    )
    body.push(...panel.marks)
    y = panel.bottom
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + 10}" font-family="sans-serif" font-size="11">`,
    `<rect width="${WIDTH}" height="${y + 10}" fill="white"/>`,
    ...body,
    '</svg>',
    '',
  ].join('\n')
}

type Panel = { readonly marks: readonly string[]; readonly bottom: number }

function drawPanel(unit: string, figures: readonly Figure[], top: number, colourOf: (name: string) => string): Panel {
  const scale = scaleOf(figures)
  const marks: string[] = []
  const first = top + HEAD
  let y = first
  for (const figure of figures) {
    marks.push(text(12, y + 11, figure.cell))
    const from = y
    for (const series of figure.series) {
      marks.push(...drawSeries(series, y + ROW / 2, scale, colourOf(series.name)))
      y += ROW
    }
    const limit = limitOf(figure)
    if (limit !== undefined) {
      const x = at(scale.x(limit))
      marks.push(
        `<line x1="${x}" x2="${x}" y1="${from}" y2="${y}" stroke="black" stroke-width="2" stroke-dasharray="3 2"/>`,
      )
    }
    y += GAP
  }
  const grid = scale.ticks.flatMap((tick) => {
    const x = at(scale.x(tick))
    return [
      `<line x1="${x}" x2="${x}" y1="${first - 6}" y2="${y - GAP}" stroke="#ddd"/>`,
      text(scale.x(tick), first - 9, String(tick), 'text-anchor="middle" fill="#555"'),
    ]
  })
  return { marks: [text(12, first - 9, unit, 'font-weight="bold"'), ...grid, ...marks], bottom: y + GAP }
}

function drawSeries({ name, rounds, flaws }: Series, y: number, { x }: Scale, colour: string): string[] {
  const finite = rounds.filter((value) => Number.isFinite(value) && value > 0)
  if (finite.length === 0) {
    const words = flaws === undefined ? '0' : `${name}: ${flaws}`
    return rounds.some((value) => value === 0) || flaws !== undefined
      ? [text(LEFT + 4, y + 4, words, 'fill="#777"')]
      : []
  }
  const [low, high, middle] = [Math.min(...finite), Math.max(...finite), median(finite)]
  const fill = flaws === undefined ? colour : 'none'
  const after = flaws === undefined ? digits(middle) : `${digits(middle)} (${flaws})`
  return [
    `<line x1="${at(x(low))}" x2="${at(x(high))}" y1="${y}" y2="${y}" stroke="${colour}" stroke-width="3" opacity="0.4"/>`,
    `<circle cx="${at(x(middle))}" cy="${y}" r="4" fill="${fill}" stroke="${colour}"/>`,
    text(x(high) + 8, y + 4, after, 'fill="#555"'),
  ]
}

/** How far the budget lets the first series go, in the figure's unit. */
function limitOf(figure: Figure): number | undefined {
  const verdict = judge(figure)
  if (verdict === undefined || figure.budget === undefined) return undefined
  if (verdict.of === undefined) return figure.budget.most
  const other = figure.series.find(({ name }) => name === verdict.of)
  return figure.budget.most * median((other?.rounds ?? []).filter(Number.isFinite))
}

/** Whole decades around all that is to be seen. */
function scaleOf(figures: readonly Figure[]): Scale {
  const values = figures
    .flatMap((figure) => [...figure.series.flatMap(({ rounds }) => rounds), limitOf(figure) ?? Number.NaN])
    .filter((value) => Number.isFinite(value) && value > 0)
  const least = values.length === 0 ? 0 : Math.floor(Math.log10(Math.min(...values)))
  const most = Math.max(least + 1, values.length === 0 ? 1 : Math.ceil(Math.log10(Math.max(...values))))
  const perDecade = (WIDTH - LEFT - RIGHT) / (most - least)
  return {
    x: (value) => LEFT + (Math.log10(value) - least) * perDecade,
    ticks: Array.from({ length: most - least + 1 }, (_, index) => Number(`1e${least + index}`)),
  }
}

const at = (x: number): string => x.toFixed(1)

function text(x: number, y: number, words: string, attributes = ''): string {
  const safe = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  return `<text x="${at(x)}" y="${at(y)}"${attributes === '' ? '' : ` ${attributes}`}>${safe}</text>`
}
