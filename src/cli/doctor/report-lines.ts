/** What the doctor found, in lines: a step a line, then the verdict, and what to change. Pure. */
import { type Fields, isFields } from '../fields.ts'
import { printable } from '../inspect/table.ts'

const marks: Readonly<Record<string, { readonly word: string; readonly colour: string }>> = {
  ok: { word: 'ok', colour: '32' },
  failed: { word: 'FAILED', colour: '31;1' },
  warning: { word: 'warning', colour: '33' },
  skipped: { word: '-', colour: '2' },
}
const MARK_WIDTH = 7

/** @param report as the API answers it */
export function reportLines(link: string, report: unknown, isColoured: boolean): string[] {
  const fields = isFields(report) ? report : {}
  const steps = Array.isArray(fields['steps']) ? fields['steps'].filter(isFields) : []
  const titleWidth = Math.max(0, ...steps.map((step) => wordsOf(step, 'title').length))
  return [...steps.map((step) => stepLine(step, titleWidth, isColoured)), '', ...verdictLines(link, fields, steps)]
}

function stepLine(step: Fields, titleWidth: number, isColoured: boolean): string {
  const { word, colour } = marks[wordsOf(step, 'status')] ?? { word: wordsOf(step, 'status'), colour: '0' }
  const mark = word.padEnd(MARK_WIDTH)
  // Of what was not looked at there is nothing to tell but that.
  const detail = wordsOf(step, 'status') === 'skipped' && isUnseen(step) ? '' : `  ${wordsOf(step, 'detail')}`
  return `${isColoured ? `\u001b[${colour}m${mark}\u001b[0m` : mark} ${wordsOf(step, 'title').padEnd(titleWidth)}${detail}`.trimEnd()
}

const isUnseen = (step: Fields): boolean => wordsOf(step, 'detail').startsWith('not looked at')

function verdictLines(link: string, report: Fields, steps: readonly Fields[]): string[] {
  const told = (status: string): readonly Fields[] => steps.filter((step) => wordsOf(step, 'status') === status)
  const [failed, warnings] = [told('failed'), told('warning')]
  const shown = failed.length > 0 ? failed : warnings
  const words = shown.flatMap((step) => [
    `${wordsOf(step, 'title')}: ${wordsOf(step, 'detail')}`,
    ...(wordsOf(step, 'remedy') === '' ? [] : [`  what to change: ${wordsOf(step, 'remedy')}`]),
  ])
  const speaker = wordsOf(report, 'speaker')
  const where =
    speaker === '' ? [] : [`Asked was ${wordsOf(report, 'node')}; ${speaker} speaks to the peer for the cluster.`]
  // Whether messages of one topic cross is not whether the link is well.
  const isTopic = failed.every((step) => wordsOf(step, 'step').startsWith('topic_'))
  const verdict = isTopic ? 'is up, and the topic would not cross it.' : 'is broken.'
  if (failed.length > 0) return [`The link ${printable(link)} ${verdict}`, ...words, ...where]
  if (report['ok'] !== true) return [`The link ${printable(link)} could not be examined.`, ...where]
  if (warnings.length === 0) return [`The link ${printable(link)} is well.`, ...where]
  return [
    `The link ${printable(link)} works, with ${warnings.length} ${warnings.length === 1 ? 'warning' : 'warnings'}.`,
    ...words,
    ...where,
  ]
}

function wordsOf(fields: Fields, name: string): string {
  const value = fields[name]
  return typeof value === 'string' ? printable(value) : ''
}
