/**
 * One scenario over its time, as SVG: faults as bands over everything; what was due and what was delivered, a panel for each way from
 * cluster to cluster; below what each node said of its links. Colours are the page's. Pure.
 */
import type { Way } from '../checker/rates.ts'
import type { Fault } from '../checker/verdict.ts'
import { duration, number } from './figures.ts'
import { escaped } from './markup.ts'
import type { JudgedScenario, LinkState } from './scenario-result.ts'

const LEFT = 190
const PLOT = 880
const RIGHT = 20
const WIDTH = LEFT + PLOT + RIGHT
const FAULTS = 44
const FAULT_ROW = 13
const HEAD = 10
const PANEL = 62
const STRIP = 20
const GAP = 8
const LABEL_PX = 6.2

/** Of the time of this scenario. */
type X = (atMs: number) => number

export function timelineOf(name: string, scenario: JudgedScenario): string {
  const { fromMs, toMs, faults, rates, states } = scenario
  const x: X = (atMs) =>
    LEFT + (Math.min(Math.max(atMs - fromMs, 0), toMs - fromMs) / Math.max(1, toMs - fromMs)) * PLOT
  const ways = rates.ways.toSorted((one, other) => Number(one.from === one.to) - Number(other.from === other.to))
  const strips = [...stripsOf(states)]
  const panelsTop = FAULTS
  const stripsTop = panelsTop + ways.length * (PANEL + GAP) + GAP
  const bottom = stripsTop + strips.length * (STRIP + 4)
  const marks = [
    ...labelsOf(faults, x),
    ...ways.flatMap((way, at) => panelOf(way, rates.stepMs, rates.fromMs, panelsTop + at * (PANEL + GAP), x)),
    ...strips.flatMap(([label, own], at) => stripOf(label, own, toMs, stripsTop + at * (STRIP + 4), x)),
    ...axisOf(toMs - fromMs, fromMs, bottom, x),
    ...faults.map((fault) => bandOf(fault, x, bottom)),
  ]
  const words = `${name} over ${duration(toMs - fromMs)}: ${faults.length} faults, messages due and delivered each second, and the states of links`
  return `<svg viewBox="0 0 ${WIDTH} ${bottom + 26}" role="img" aria-label="${escaped(words)}">${marks.join('')}</svg>`
}

/** What lies below it can still be pointed at; its own words are at its head. */
function bandOf({ name, kind, fromMs, toMs }: Fault, x: X, bottom: number): string {
  const left = x(fromMs)
  const width = Math.max(1, x(toMs) - left)
  const words = `${name} (${kind}), ${duration(toMs - fromMs)}`
  const across = `x="${px(left)}" width="${px(width)}"`
  return (
    `<rect class="fault" ${across} y="${FAULTS - HEAD}" height="${bottom - FAULTS + HEAD}"/>` +
    `<rect class="fault-head" ${across} y="${FAULTS - HEAD}" height="${HEAD}"><title>${escaped(words)}</title></rect>`
  )
}

/** Names of faults, two rows of them, as far as they find room. */
function labelsOf(faults: readonly Fault[], x: X): string[] {
  const ends = [0, 0]
  return faults.flatMap(({ name, fromMs }) => {
    const left = x(fromMs)
    const width = name.length * LABEL_PX
    const at = Math.min(left, WIDTH - width)
    const row = ends.findIndex((end) => end <= at)
    if (row === -1) return []
    ends[row] = at + width + 6
    return [`<text class="fault-name" x="${px(at)}" y="${10 + row * FAULT_ROW}">${escaped(name)}</text>`]
  })
}

/** Logarithmic: a backlog that goes at once must not hide what flows otherwise. */
function panelOf({ from, to, due, delivered }: Way, stepMs: number, fromMs: number, top: number, x: X): string[] {
  const perSecond = (count: number): number => (count * 1_000) / stepMs
  const most = perSecond(Math.max(1, ...due, ...delivered))
  const y = (count: number): number => top + PANEL - (Math.log1p(perSecond(count)) / Math.log1p(most)) * PANEL
  const points = (counts: readonly number[]): string[] =>
    counts.flatMap((count, at) => [
      `${px(x(fromMs + at * stepMs))},${px(y(count))}`,
      `${px(x(fromMs + (at + 1) * stepMs))},${px(y(count))}`,
    ])
  const base = top + PANEL
  const area = [`${px(x(fromMs))},${base}`, ...points(due), `${px(x(fromMs + due.length * stepMs))},${base}`]
  return [
    `<text class="label" x="8" y="${top + 14}">${escaped(from)} → ${escaped(to)}</text>`,
    `<text class="detail" x="8" y="${top + 30}">due ${number(sum(due))}</text>`,
    `<text class="detail" x="8" y="${top + 44}">came ${number(sum(delivered))}</text>`,
    `<text class="tick" x="${LEFT - 6}" y="${top + 9}" text-anchor="end">${number(Math.round(most))}/s</text>`,
    `<text class="tick" x="${LEFT - 6}" y="${base}" text-anchor="end">0</text>`,
    `<polygon class="due" points="${area.join(' ')}"/>`,
    `<polyline class="delivered" points="${points(delivered).join(' ')}"/>`,
    `<line class="base" x1="${LEFT}" x2="${LEFT + PLOT}" y1="${base}" y2="${base}"/>`,
  ]
}

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0)

/** By node and link, in the order of their names. */
function stripsOf(states: readonly LinkState[]): Map<string, LinkState[]> {
  const strips = new Map<string, LinkState[]>()
  for (const state of states) {
    const label = `${state.node} ⇢ ${state.link}`
    strips.set(label, [...(strips.get(label) ?? []), state])
  }
  return new Map([...strips].toSorted(([one], [other]) => (one < other ? -1 : 1)))
}

function stripOf(label: string, states: readonly LinkState[], endMs: number, top: number, x: X): string[] {
  const short = label.length > 30 ? `${label.slice(0, 29)}…` : label
  return [
    `<text class="detail" x="8" y="${top + 14}">${escaped(short)}<title>${escaped(label)}</title></text>`,
    ...states.map(({ atMs, status, reasons = [] }, at) => {
      const left = x(atMs)
      const untilMs = states[at + 1]?.atMs ?? endMs
      const words = [`${status} for ${duration(Math.max(0, untilMs - atMs))}`, ...reasons].join('\n')
      const width = Math.max(0.5, x(untilMs) - left)
      const name = width > status.length * LABEL_PX + 6 ? status : ''
      return (
        `<rect class="state ${escaped(status)}" x="${px(left)}" y="${top}" width="${px(width)}" height="${STRIP}">` +
        `<title>${escaped(words)}</title></rect>` +
        (name === '' ? '' : `<text class="state-name" x="${px(left + 4)}" y="${top + 14}">${escaped(name)}</text>`)
      )
    }),
  ]
}

const NICE_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_200, 3_600]
const TICKS_MAX = 12

function axisOf(ms: number, fromMs: number, bottom: number, x: X): string[] {
  const everyS = NICE_S.find((every) => ms / 1_000 / every <= TICKS_MAX) ?? 7_200
  const ticks = Array.from({ length: Math.floor(ms / 1_000 / everyS) + 1 }, (_, at) => at * everyS)
  return ticks.flatMap((at) => {
    const left = px(x(fromMs + at * 1_000))
    const words = everyS >= 60 ? `${at / 60} min` : `${at} s`
    return [
      `<line class="grid" x1="${left}" x2="${left}" y1="${FAULTS}" y2="${bottom}"/>`,
      `<text class="tick" x="${left}" y="${bottom + 16}" text-anchor="middle">${words}</text>`,
    ]
  })
}

const px = (value: number): string => value.toFixed(1)
