/** What was measured of one case, round by round, of each who was in it, and whether that keeps the budget. */
import { median } from '../bench.ts'

/** Of one contestant. Rounds that a contestant did not take part in are `NaN`. */
export type Series = {
  readonly name: string
  readonly rounds: readonly number[]
  /** Why the figures are no good: what was lost, say. */
  readonly flaws?: string
}

export type Budget = {
  /** At most. */
  readonly most: number
  /**
   * Names of contestants, most wanted first: the budget is so many times what the first of them needs that has good figures, in the
   * same round. Left out: it is in the figure's own unit.
   */
  readonly of?: readonly string[]
}

export type Figure = {
  readonly cell: string
  readonly unit: string
  /** The first one is whose budget it is. */
  readonly series: readonly Series[]
  readonly budget?: Budget
}

export type Verdict = {
  readonly type: 'met' | 'missed'
  /** Ratios to the one named, or figures in the unit if there is none. */
  readonly rounds: readonly number[]
  readonly of?: string
}

/** `undefined`: without a budget, or nobody to compare with. */
export function judge({ series, budget }: Figure): Verdict | undefined {
  const [ours] = series
  if (budget === undefined || ours === undefined) return undefined
  if (budget.of === undefined) return verdictOf(ours, ours.rounds, budget.most)
  const other = budget.of
    .map((name) => series.find((one) => one.name === name && isGood(one)))
    .find((one) => one !== undefined)
  if (other === undefined) return undefined
  const ratios = ours.rounds.map((value, round) => value / (other.rounds[round] ?? Number.NaN))
  return { ...verdictOf(ours, ratios, budget.most), of: other.name }
}

function isGood({ flaws, rounds }: Series): boolean {
  return flaws === undefined && rounds.some(Number.isFinite)
}

function verdictOf(ours: Series, rounds: readonly number[], most: number): Verdict {
  const finite = rounds.filter(Number.isFinite)
  const isMet = ours.flaws === undefined && finite.length > 0 && median(finite) <= most
  return { type: isMet ? 'met' : 'missed', rounds: finite }
}

/** `4.04 (3.74-4.39)`: median, lowest, highest, three digits that mean something each. `-` without a figure. */
export function range(rounds: readonly number[]): string {
  const finite = rounds.filter(Number.isFinite)
  if (finite.length === 0) return '-'
  return `${digits(median(finite))} (${digits(Math.min(...finite))}-${digits(Math.max(...finite))})`
}

export function digits(value: number): string {
  if (value === 0) return '0'
  const size = Math.floor(Math.log10(Math.abs(value)))
  return value.toFixed(Math.min(4, Math.max(0, 2 - size)))
}

/** One line for a terminal. */
export function lineOf(figure: Figure): string {
  const parts = figure.series.map(
    ({ name, rounds, flaws }) => `${name} ${range(rounds)}${flaws === undefined ? '' : ` [${flaws}]`}`,
  )
  return `${figure.cell}, ${figure.unit}: ${[...parts, ...budgetWords(figure)].join(' | ')}`
}

/** What goes to those who want to know that a budget is missed; `undefined` if none is. */
export function missOf(figure: Figure): string | undefined {
  const verdict = judge(figure)
  const flaws = figure.series[0]?.flaws
  if (verdict?.type !== 'missed') return flaws === undefined ? undefined : `${figure.cell}: ${flaws}`
  const words = flaws ?? `${range(verdict.rounds)} > ${figure.budget?.most ?? ''}`
  return `${figure.cell}, ${figure.unit}: ${words}${verdict.of === undefined ? '' : ` of ${verdict.of}`}`
}

function budgetWords(figure: Figure): string[] {
  const verdict = judge(figure)
  if (verdict === undefined || figure.budget === undefined) return []
  const ofWhom = verdict.of === undefined ? '' : `ratio to ${verdict.of} ${range(verdict.rounds)}, `
  return [`${ofWhom}budget ${figure.budget.most}: ${verdict.type}`]
}
