/** Figures as a table of Markdown: the same figures give the same text. */
import { type Figure, judge, range } from './figures.ts'

/** @param notes what there is to say about the run: the machine, the versions */
export function tableOf(title: string, notes: readonly string[], figures: readonly Figure[]): string {
  const names = [...new Set(figures.flatMap(({ series }) => series.map(({ name }) => name)))]
  const head = ['case', 'unit', ...names, 'against the budget', 'budget', '']
  const rows = [head, head.map(() => '---'), ...figures.map((figure) => rowOf(figure, names))]
  return [
    `# ${title}`,
    '',
    'Medians over the rounds, lowest and highest in brackets. Where a budget is a ratio, it is the median of the rounds’ ratios.',
    '',
    ...notes.map((note) => `- ${note}`),
    '',
    ...rows.map((cells) => `| ${cells.join(' | ')} |`),
    '',
  ].join('\n')
}

function rowOf(figure: Figure, names: readonly string[]): string[] {
  const verdict = judge(figure)
  const ofNames = names.map((name) => {
    const one = figure.series.find((series) => series.name === name)
    if (one === undefined) return ''
    return one.flaws === undefined ? range(one.rounds) : `~~${range(one.rounds)}~~ ${one.flaws}`
  })
  const { budget } = figure
  const measured = verdict === undefined ? '' : range(verdict.rounds)
  const allowed = budget === undefined ? '' : `${budget.most}${verdict?.of === undefined ? '' : ` of ${verdict.of}`}`
  const word =
    verdict === undefined ? (budget === undefined ? '' : 'not judged') : verdict.type === 'met' ? 'met' : '**missed**'
  return [figure.cell, figure.unit, ...ofNames, measured, allowed, word]
}
