/** RELIABILITY.md, made of the records of runs and of nothing else. Pure. */
import { failingsIn, type Records } from './failings.ts'
import { plain, table } from './markdown.ts'
import { KINDS, type RunRecord } from './run-record.ts'
import { sectionOf, summaryOf, TITLES } from './sections.ts'

const INTRODUCTION = `# Reliability

Made by \`npm run reliability\` from the records in \`reliability/\`, never by hand. What must hold is said in the README; this
page says what was done to break it, and what came of it. Each record names the commit that ran and the command that repeats it.`

/** The whole page; it ends with a newline. */
export function renderReliability(records: Records): string {
  const there = KINDS.flatMap((kind): RunRecord[] => {
    const record = records[kind]
    return record === undefined ? [] : [record]
  })
  const lines = [
    INTRODUCTION,
    '',
    '## What does not hold',
    '',
    ...failingLines(records),
    '',
    '## The runs',
    '',
    ...table(
      ['what', 'result', 'commit', 'day', 'minutes', 'repeat with'],
      there.map((record) => [
        TITLES[record.kind],
        summaryOf(record),
        commitShown(record),
        record.at.slice(0, 10),
        record.minutes,
        `\`${record.command}\``,
      ]),
    ),
    ...there.flatMap((record) => ['', `## ${TITLES[record.kind]}`, '', ...sectionOf(record), '', origin(record)]),
  ]
  return `${lines.join('\n')}\n`
}

function failingLines(records: Records): string[] {
  const failings = failingsIn(records)
  if (failings.length === 0) return ['Nothing that these runs look for was found.']
  return failings.map(({ kind, words }) => `- ${kind === undefined ? '' : `**${TITLES[kind]}**: `}${plain(words)}`)
}

function origin(record: RunRecord): string {
  const { processor, cores, memoryGiB, node, system } = record.machine
  const where = `${plain(processor)}, ${cores} cores, ${memoryGiB} GiB, Node.js ${node}, ${system}`
  return `Commit ${commitShown(record)}, ${record.at}, ${record.minutes} minutes on ${where}. Repeat with \`${record.command}\`.`
}

function commitShown({ commit }: RunRecord): string {
  return `\`${commit.slice(0, 12)}${commit.endsWith('-dirty') ? '-dirty' : ''}\``
}
